// The figures that benchmark clients print, and how they print them.
#pragma once

#include <string>
#include <vector>

#include "closed_loop/closed_loop.hpp"

namespace lockstep {

/// Milliseconds; zeros for nothing.
struct Statistic {
  double mean = 0;
  double median = 0;
  double p90 = 0;
  double p99 = 0;
};
/// Percentiles are linear between ranks.
[[nodiscard]] Statistic statistic_of(std::vector<double> values);

struct LatencySummary {
  Statistic ttft, tpot, end_to_end;
  double duration_s = 0;
  std::int64_t requests = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
};
[[nodiscard]] LatencySummary summarise(const ClosedLoopResult& result);
/// As `vllm bench serve` prints it.
[[nodiscard]] std::string summary_text(const LatencySummary& summary);

}  // namespace lockstep
