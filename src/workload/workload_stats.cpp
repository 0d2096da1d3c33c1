#include "workload/workload_stats.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lockstep {

Spread describe(std::vector<double> values) {
  Spread result;
  if (values.empty()) {
    return result;
  }
  std::sort(values.begin(), values.end());
  for (std::size_t i = 0; i < Spread::kShares.size(); ++i) {
    const double rank = Spread::kShares[i] * static_cast<double>(values.size() - 1);
    const double below = std::floor(rank);
    const auto index = static_cast<std::size_t>(below);
    const double next = values[std::min(index + 1, values.size() - 1)];
    result.quantiles[i] = values[index] + (rank - below) * (next - values[index]);
  }
  result.sum = std::accumulate(values.begin(), values.end(), 0.0);
  result.mean = result.sum / static_cast<double>(values.size());
  return result;
}

WorkloadStats workload_stats(const Workload& workload, std::int64_t block_size) {
  WorkloadStats stats;
  std::vector<double> input;
  std::vector<double> output;
  std::vector<double> tools;
  std::vector<Nanos> arrivals;
  for (const WorkloadRequest& call : workload.requests) {
    stats.input_tokens += call.input_toks;
    stats.output_tokens += call.output_toks;
    input.push_back(static_cast<double>(call.input_toks));
    output.push_back(static_cast<double>(call.output_toks));
    if (call.session_call == 0) {
      arrivals.push_back(call.arrival);
    }
    if (call.session >= 0 &&
        call.session_call + 1 <
            workload.sessions[static_cast<std::size_t>(call.session)].num_calls) {
      tools.push_back(static_cast<double>(call.tool_duration.count()));
    }
  }
  std::sort(arrivals.begin(), arrivals.end());
  std::vector<double> gaps;
  for (std::size_t i = 1; i < arrivals.size(); ++i) {
    gaps.push_back(static_cast<double>((arrivals[i] - arrivals[i - 1]).count()));
  }
  std::vector<double> calls;
  for (const WorkloadSession& session : workload.sessions) {
    calls.push_back(static_cast<double>(session.num_calls));
  }
  stats.lines = static_cast<std::int64_t>(arrivals.size());
  stats.sessions = static_cast<std::int64_t>(workload.sessions.size());
  stats.calls = static_cast<std::int64_t>(workload.requests.size());
  stats.first_arrival = arrivals.empty() ? Nanos{} : arrivals.front();
  stats.last_arrival = arrivals.empty() ? Nanos{} : arrivals.back();
  stats.input = describe(std::move(input));
  stats.output = describe(std::move(output));
  stats.gap = describe(std::move(gaps));
  stats.calls_per_session = describe(std::move(calls));
  stats.tool_duration = describe(std::move(tools));
  stats.reuse = prefix_reuse(workload, block_size);
  return stats;
}

}  // namespace lockstep
