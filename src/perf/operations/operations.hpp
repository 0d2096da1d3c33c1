// The operations that an iteration is made of, as one GPU executes them: plain sizes, nothing of a
// model. Counts are of one rank after tensor parallelism unless a field says otherwise. What each
// one contains and leaves out is what vLLM launches for it; see the comments.
#pragma once

#include <cstdint>
#include <string_view>

namespace lockstep {

/// How weights (and with them the activations of a product) are stored.
enum class Precision : std::uint8_t {
  bfloat16,   ///< also float16
  fp8,        ///< per-tensor weight scales
  fp8_block,  ///< 128 x 128 weight blocks, 1 x 128 activations
  nvfp4,      ///< 16-value groups, 4-bit activations
  int4,       ///< 4-bit weights only, activations bfloat16
  mxfp4,      ///< 4-bit weights in groups of 32, activations bfloat16
  mxfp4_fp8,  ///< the same with 8-bit activations
};
inline constexpr int kPrecisionCount = 7;
/// "bfloat16", "fp8", "fp8_block", "nvfp4", "int4", "mxfp4", "mxfp4_fp8".
[[nodiscard]] std::string_view precision_name(Precision precision);

/// m x k activations by k x n weights, with the activations' quantisation where the precision has
/// one; no bias, no collective.
struct Gemm {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  Precision precision = Precision::bfloat16;
};

/// A product of float32 matrices on the GPU's plain cores, as PyTorch runs it unless it is allowed
/// to round inputs for the tensor cores. `tflops`: the datasheet's rate of float32.
struct Float32Product {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;
  double tflops = 0;
};

/// Heads of one rank.
struct HeadShape {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_size = 128;
  std::int64_t window = 0;  ///< sliding window in tokens, 0: none
  bool fp8_cache = false;
};

/// `batch` prompts of `new_tokens` each behind `cached_tokens` each, causal. The write of the new
/// keys and values is inside; rotary embedding, norms and projections are not.
struct ContextAttention {
  HeadShape heads;
  std::int64_t batch = 1;
  std::int64_t new_tokens = 0;
  std::int64_t cached_tokens = 0;
};

/// One new token for each of `batch` sequences that attend to `context` tokens, the new one
/// included. `batch * context` is the work; give the mean for unequal lengths.
struct GenerationAttention {
  HeadShape heads;
  std::int64_t batch = 1;
  std::int64_t context = 1;
};

/// What decodes add to the prompts of their step where one kernel runs both: it neither packs the
/// query heads that share keys nor splits contexts, so that every sequence and query head has a
/// tile of its own that walks along its keys.
struct DecodesBeside {
  ContextAttention prompts;
  std::int64_t longest = 0;  ///< new tokens of the longest prompt
  std::int64_t decodes = 0;
  std::int64_t context = 0;          ///< mean, the new token included
  std::int64_t longest_context = 0;  ///< 0: all are alike
};

/// Latent attention (DeepSeek V2/V3, Kimi). `heads` of one rank.
/// A module is the whole attention block from hidden state to output projection, without its
/// all-reduce; a kernel is the attention alone.
struct LatentAttention {
  std::int64_t heads = 0;
  std::int64_t batch = 1;
  std::int64_t new_tokens = 1;     ///< per sequence; generation has one
  std::int64_t cached_tokens = 0;  ///< per sequence, before the new ones
  Precision projections = Precision::bfloat16;
  bool fp8_cache = false;
  bool generation = false;
};

/// The two batched products that take decode queries into the latent space and values out of it.
struct LatentAbsorption {
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
};

/// How tokens spread over the experts: each the same number, or loads that follow a power law.
enum class ExpertSkew : std::uint8_t { balanced, power_law_1_01, power_law_1_2 };

/// Which kernels run the experts: what the newest engine takes, or Triton's where a flag asks for
/// it.
enum class ExpertKernel : std::uint8_t { usual, triton };

/// The routed experts of one layer on one rank: top-k, permutation, quantisation, both products,
/// activation and weighted sum; neither router product, shared experts nor communication.
struct GroupedExperts {
  std::int64_t tokens = 0;  ///< that enter the layer of the whole group of ranks
  std::int64_t hidden = 0;
  std::int64_t intermediate = 0;  ///< one expert's width, before `tp` divides it
  std::int64_t experts = 0;       ///< of the model
  std::int64_t top_k = 0;
  std::int64_t tp = 1;  ///< ranks that share each expert; 1 when `ep` > 1
  std::int64_t ep = 1;  ///< ranks that share the experts among them
  Precision precision = Precision::bfloat16;
  ExpertSkew skew = ExpertSkew::power_law_1_2;
  ExpertKernel kernel = ExpertKernel::usual;
  bool gated = true;  ///< three matrices an expert instead of two
};

/// tokens x width activations to fp8; `dynamic`: the scale is found first.
struct Quantise {
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  bool dynamic = true;
};

/// Gated delta net (Qwen3.5) without its projections: convolution and delta rule.
struct GatedDeltaNet {
  std::int64_t batch = 1;
  std::int64_t tokens = 1;  ///< per sequence; generation has one
  std::int64_t k_heads = 0;
  std::int64_t v_heads = 0;
  std::int64_t head_size = 128;
  bool generation = false;
};

/// A kernel that moves data and computes little: norm, residual, activation, rotary embedding,
/// embedding. Bytes read and written in all.
struct MemoryTraffic {
  double bytes = 0;
};

enum class CollectiveOp : std::uint8_t {
  all_reduce,       ///< bytes: each rank's buffer
  all_gather,       ///< bytes: the gathered buffer
  reduce_scatter,   ///< bytes: a rank's whole input
  all_to_all,       ///< bytes: what a rank sends, to itself too
  vllm_all_reduce,  ///< the all-reduce that vLLM picks at this size: own kernel or NCCL
};

/// Ranks of one node (of one NVLink domain on GB200, GB300), none of them late.
struct CollectiveCall {
  CollectiveOp op = CollectiveOp::vllm_all_reduce;
  double bytes = 0;
  std::int64_t ranks = 2;
  bool graph = true;  ///< inside a CUDA graph; outside one it waits for its launch
};

}  // namespace lockstep
