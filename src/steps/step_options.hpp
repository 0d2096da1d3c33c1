// How the engine runs a step: CUDA graphs, fusions, kernels chosen by flags.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "perf/mixed_decodes.hpp"
#include "perf/operations/operations.hpp"

namespace lockstep {

struct StepOptions {
  /// Sizes that graphs were captured for, ascending; a step of at most the largest is padded to
  /// the next one. Empty: no graphs.
  std::vector<std::int64_t> graph_sizes;
  /// All-reduces that are small enough add the residual and apply the norm behind them.
  bool fused_all_reduce_norm = false;
  /// Instead of what the experts' format says (a kernel with 8-bit activations).
  std::optional<Precision> expert_precision{};
  ExpertKernel expert_kernel = ExpertKernel::usual;
  /// Launched for one layer's experts: top-k, sorting (2), quantisation (2), two products and the
  /// sum, or what one kernel leaves of it.
  std::int64_t expert_kernels = 8;
  /// The GPU's rate where products of float32 do without tensor cores (PyTorch's "highest" matmul
  /// precision, vLLM's default); 0: they are rounded for them.
  double float32_tflops = 0;
  ExpertSkew skew = ExpertSkew::power_law_1_2;
  /// One attention kernel runs the prompts and decodes of a step, not two.
  bool one_attention_kernel = false;
  /// Where the attention kernel splits contexts by the lengths that it gets: the GPU's rates.
  std::optional<SplitDecodes> split_decodes{};
};

/// What the experts of one layer launch by default on a GPU of this name ("B200"): on Blackwell
/// FlashInfer's TensorRT-LLM kernel and what quantises for it.
[[nodiscard]] std::int64_t usual_expert_kernels(std::string_view gpu);
/// The largest message that vLLM reduces and norms in one kernel.
[[nodiscard]] double fused_norm_bytes(std::int64_t ranks);
/// vLLM's default capture sizes: 1, 2, 4, then multiples of 8 below 256 and of 16 up to `largest`.
[[nodiscard]] std::vector<std::int64_t> default_graph_sizes(std::int64_t largest);
/// The size that `tokens` are computed at.
[[nodiscard]] std::int64_t padded_tokens(const std::vector<std::int64_t>& graph_sizes,
                                         std::int64_t tokens);

}  // namespace lockstep
