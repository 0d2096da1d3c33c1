#include "closed_loop/hidden_limit.hpp"

namespace lockstep {

bool hides_a_limit(const MeasuredPoint& point, const Recipe& recipe, double simulated_ttft_ms) {
  const auto limit = recipe.find("max_num_seqs");
  if (limit == recipe.end() || limit->second != "concurrency") {
    return false;
  }
  const double running = static_cast<double>(point.output - 1) * point.tpot_ms;
  return point.ttft_ms > 3 * running && point.ttft_ms > 2 * simulated_ttft_ms;
}

std::set<std::int64_t> swept_limits(const MeasuredPoint& point,
                                    const std::vector<MeasuredPoint>& points) {
  std::set<std::int64_t> limits;
  for (const MeasuredPoint& other : points) {
    if (other.model == point.model && other.gpu == point.gpu &&
        other.concurrency < point.concurrency) {
      limits.insert(other.concurrency);
    }
  }
  return limits;
}

}  // namespace lockstep
