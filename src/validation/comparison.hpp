// A recorded run beside a simulation of it: for every metric both distributions, their error, and
// how far single requests are off.
//
// Distributions are compared as wholes; only `per_request` pairs the requests, by id. A recording
// has no stamp per token, so of the inter-token latency only the mean over all tokens is known.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "validation/recorded_run.hpp"
#include "validation/simulated_request.hpp"

namespace lockstep {

/// Mean, p50, p90, p95, p99 in ns; all NaN without samples.
struct MetricFigures {
  static constexpr std::size_t kFigures = 5;
  std::array<double, kFigures> figures{};
  std::size_t samples = 0;
};

/// Errors of single requests, paired by id; all NaN without pairs. Relative ones in % of the
/// recorded value, percentiles linear between order statistics.
struct PairedErrors {
  double bias = 0;      ///< mean of (simulated - recorded) / recorded
  double median = 0;    ///< of |simulated - recorded| / recorded
  double p90 = 0;       ///< the same
  double absolute = 0;  ///< mean of |simulated - recorded|, ns
};

struct Metric {
  std::string name;
  MetricFigures recorded, simulated;
  double per_request = 0;  ///< mean of |simulated - recorded| / recorded in %; NaN without pairs
  PairedErrors paired;     ///< more of the same
};

/// One number of a whole run.
struct Figure {
  std::string name;
  std::string unit;
  double recorded = 0;
  double simulated = 0;
};

struct Comparison {
  /// From the recording's anchor (RecordedRequest::anchor) and the simulation's arrival.
  Metric ttft, tpot, latency;
  /// From the arrival on both sides, the recording's clocks joined by the shortest inbox wait.
  Metric ttft_from_arrival, latency_from_arrival;
  /// From when the engine took the request in on both sides; without samples when the simulation is
  /// a file, which does not say.
  Metric ttft_from_inbox;
  Metric queueing;            ///< anchor to first scheduled; no per-request error
  Metric scheduled_to_first;  ///< first scheduled to first token
  Figure itl_mean;            ///< over all tokens
  Figure makespan, generation_rate, total_rate, request_rate;
  std::size_t recorded_requests = 0, simulated_requests = 0;

  [[nodiscard]] std::vector<const Metric*> metrics() const;
  [[nodiscard]] std::vector<const Figure*> figures() const;
};

/// (simulated - recorded) / recorded in %; NaN when `recorded` is 0.
[[nodiscard]] double error_percent(double recorded, double simulated);

/// Throws UserError when the simulation served another workload (`sim_name` names it in messages).
[[nodiscard]] Comparison compare(const RecordedRun& recorded,
                                 std::span<const SimulatedRequest> simulated,
                                 const std::string& sim_name);

}  // namespace lockstep
