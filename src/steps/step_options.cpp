#include "steps/step_options.hpp"

#include <algorithm>

namespace lockstep {

std::vector<std::int64_t> default_graph_sizes(std::int64_t largest) {
  std::vector<std::int64_t> sizes;
  for (const std::int64_t size : {1, 2, 4}) {
    if (size <= largest) {
      sizes.push_back(size);
    }
  }
  for (std::int64_t size = 8; size <= largest; size += size < 256 ? 8 : 16) {
    sizes.push_back(size);
  }
  return sizes;
}

std::int64_t usual_expert_kernels(std::string_view gpu) {
  const bool blackwell = gpu.starts_with("B2") || gpu.starts_with("B3") || gpu.starts_with("GB");
  return blackwell ? 2 : StepOptions{}.expert_kernels;
}

double fused_norm_bytes(std::int64_t ranks) {
  constexpr double kMebi = 1 << 20;
  return ranks == 2 ? 64 * kMebi : (ranks == 4 ? 2 * kMebi : kMebi / 2);
}

std::int64_t padded_tokens(const std::vector<std::int64_t>& graph_sizes, std::int64_t tokens) {
  const auto next = std::lower_bound(graph_sizes.begin(), graph_sizes.end(), tokens);
  return next == graph_sizes.end() ? tokens : *next;
}

}  // namespace lockstep
