#include "perf/operations/operation_sizes.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace lockstep {
namespace {

double real(std::int64_t value) {
  return static_cast<double>(value);
}

double skew_exponent(ExpertSkew skew) {
  switch (skew) {
    case ExpertSkew::power_law_1_01:
      return 1.01;
    case ExpertSkew::power_law_1_2:
      return 1.2;
    default:
      return 0;
  }
}

// Copies of a weight that a table's measurement read in turn (fp8_block, nvfp4: the same one).
double measured_copies(Precision precision) {
  return precision == Precision::bfloat16 || precision == Precision::fp8 ? 6.0 : 1.0;
}

DataType arithmetic(Precision precision) {
  switch (precision) {
    case Precision::fp8:
    case Precision::fp8_block:
    case Precision::mxfp4_fp8:
      return DataType::fp8;
    default:
      return DataType::bfloat16;
  }
}

}  // namespace

double weight_bytes(Precision precision) {
  switch (precision) {
    case Precision::bfloat16:
      return 2.0;
    case Precision::fp8:
    case Precision::fp8_block:
      return 1.0;
    case Precision::mxfp4:
    case Precision::mxfp4_fp8:
      return 0.5 + 1.0 / 32.0;
    case Precision::nvfp4:
      return 0.5 + 1.0 / 16.0;
    default:  // int4: a 16-bit scale for 32 values
      return 0.5 + 2.0 / 32.0;
  }
}

double activation_bytes(Precision precision) {
  switch (precision) {
    case Precision::fp8:
    case Precision::fp8_block:
    case Precision::mxfp4_fp8:
      return 1.0;
    case Precision::nvfp4:
      return 0.5 + 1.0 / 16.0;
    default:
      return 2.0;
  }
}

GpuLimits limits_of(const GpuFacts& gpu, Precision precision) {
  GpuLimits limits;
  limits.multiprocessors = real(gpu.multiprocessors);
  limits.flops = gpu.peak(arithmetic(precision)) * 1e6;
  if (precision == Precision::nvfp4 && gpu.peak_fp4 > 0) {
    limits.flops = gpu.peak_fp4 * 1e6;
  }
  limits.bandwidth = gpu.bandwidth * 1e3;
  limits.cache = gpu.l2_mb * real(kMiB);
  limits.link = gpu.link_gb_s * 1e3;
  // FlashAttention 2 over a cache in pages takes 64 whatever the head size; later kernels take 128,
  // and so does best what stands in for it where the cache has 8 bits.
  limits.queries = attends_in_one_kernel(gpu.name) && precision == Precision::bfloat16 ? 64 : 128;
  return limits;
}

Sizes sizes_of(const Gemm& gemm, CacheState state) {
  constexpr double kManyCopies = 1e6;
  return {real(gemm.m),
          real(gemm.n),
          real(gemm.k),
          weight_bytes(gemm.precision),
          activation_bytes(gemm.precision),
          state == CacheState::cold ? kManyCopies : measured_copies(gemm.precision)};
}

Sizes sizes_of(const ContextAttention& a) {
  return {real(a.batch),        real(a.new_tokens),           real(a.cached_tokens),
          real(a.heads.heads),  real(a.heads.kv_heads),       real(a.heads.head_size),
          real(a.heads.window), a.heads.fp8_cache ? 1.0 : 2.0};
}

Sizes sizes_of(const GenerationAttention& a, CacheState state) {
  return {real(a.batch),
          real(a.context),
          real(a.heads.heads),
          real(a.heads.kv_heads),
          real(a.heads.head_size),
          real(a.heads.window),
          a.heads.fp8_cache ? 1.0 : 2.0,
          state == CacheState::measured ? 1.0 : 0.0};
}

Sizes sizes_of(const LatentAttention& a) {
  return {real(a.batch), real(a.new_tokens),          real(a.cached_tokens),
          real(a.heads), weight_bytes(a.projections), a.fp8_cache ? 1.0 : 2.0};
}

Sizes sizes_of(const LatentAbsorption& a) {
  return {real(a.tokens), real(a.heads)};
}

Sizes sizes_of(const GroupedExperts& e) {
  return {real(e.tokens),
          real(e.hidden),
          real(e.intermediate) / real(std::max<std::int64_t>(e.tp, 1)),
          real(e.experts),
          real(e.top_k),
          real(std::max<std::int64_t>(e.ep, 1)),
          skew_exponent(e.skew),
          weight_bytes(e.precision),
          e.gated ? 2.0 : 1.0};
}

Sizes sizes_of(const GatedDeltaNet& n) {
  return {real(n.batch), real(n.tokens), real(n.k_heads), real(n.v_heads), real(n.head_size)};
}

Sizes sizes_of(const Quantise& q) {
  return {real(q.tokens), real(q.width)};
}

Sizes sizes_of(const CollectiveCall& c) {
  return {c.bytes, real(c.ranks)};
}

}  // namespace lockstep
