// Throughput, running and waiting requests over time: a recording's vllm/timeseries.csv beside the
// same buckets of a simulation.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "validation/recorded_run.hpp"
#include "validation/simulated_request.hpp"

namespace lockstep {

/// A bucket that ends at `t` s of the workload's time.
struct SeriesPoint {
  double t = 0;
  double prompt = 0, generated = 0;  ///< tokens/s in it
  double running = 0, waiting = 0;   ///< requests at its end, of all engines
};

/// Nothing where the run has no such file. Throws UserError naming file and line.
[[nodiscard]] std::optional<std::vector<SeriesPoint>> read_time_series(const RecordedRun& run);

/// The same for simulated requests: tokens count at their stamps, a prompt with its first token.
/// Buckets ]t - tick, t] for t = tick, 2 tick, ... up to the last token. A request waits until it
/// is scheduled and runs until its last token.
[[nodiscard]] std::vector<SeriesPoint> simulated_series(std::span<const SimulatedRequest> requests,
                                                        double tick);

/// Mean of |simulated - recorded| over the common buckets, and what is largest on each side.
struct SeriesFigure {
  std::string name, unit;
  double recorded_mean = 0, simulated_mean = 0, mean_apart = 0;
  double recorded_peak = 0, simulated_peak = 0;
};
struct SeriesComparison {
  std::size_t buckets = 0;
  std::vector<SeriesPoint> recorded, simulated;  ///< the common buckets
  std::vector<SeriesFigure> figures;
};

[[nodiscard]] SeriesComparison compare_series(std::span<const SeriesPoint> recorded,
                                              std::span<const SeriesPoint> simulated, double tick);

/// Ends with a newline.
[[nodiscard]] std::string series_table(const SeriesComparison& comparison);

}  // namespace lockstep
