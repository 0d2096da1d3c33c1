#include "perf/operations/latent_block_time.hpp"

#include <algorithm>

namespace lockstep {
namespace {

// DeepSeek-V3's dimensions, which all measured blocks have.
constexpr std::int64_t kHidden = 7168;
constexpr std::int64_t kQueryRank = 1536;
constexpr std::int64_t kCacheDim = 576;
constexpr std::int64_t kQueryDim = 192;  ///< of a head
constexpr std::int64_t kValueDim = 128;  ///< of a head
constexpr double kElement = 2;           ///< bytes

/// Microseconds of the parts for one token that sees itself only.
double parts_of_one_token(const OperationTimes& times, const LatentAttention& block) {
  const auto product = [&](std::int64_t from, std::int64_t to) {
    return times.gemm({1, to, from, block.projections}).micros;
  };
  const auto pass = [&](std::int64_t values) {
    return times.memory({2 * kElement * static_cast<double>(values)}).micros;
  };
  const GenerationAttention kernel{
      {.heads = block.heads, .kv_heads = 1, .head_size = kValueDim}, 1, 1};
  return product(kHidden, kQueryRank + kCacheDim) + pass(kQueryRank + kCacheDim) +
         product(kQueryRank, block.heads * kQueryDim) + pass(block.heads * kQueryDim) +
         times.latent_absorption({1, block.heads}).micros +
         times.generation_attention(kernel).micros + product(block.heads * kValueDim, kHidden);
}

}  // namespace

OperationTime latent_block_time(const OperationTimes& times, const LatentAttention& block) {
  OperationTime measured = times.latent_module(block);
  if (block.generation) {
    LatentAttention one = block;
    one.batch = one.new_tokens = 1;
    one.cached_tokens = 0;
    const double parts = parts_of_one_token(times, block);
    const double unfused = std::max(times.latent_module(one).micros - parts, 0.0);
    measured.micros = std::max(measured.micros - unfused, std::min(measured.micros, parts));
  }
  return measured;
}

}  // namespace lockstep
