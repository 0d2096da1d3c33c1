#include "steps/kernel_count.hpp"

namespace lockstep {
namespace {

struct Counter {
  std::int64_t expert_kernels;

  std::int64_t operator()(const Gemm& o) const {
    // Scales by block are found by a kernel in front; one scale is applied by the norm.
    const bool quantised = o.precision == Precision::fp8_block || o.precision == Precision::nvfp4;
    return quantised ? 2 : 1;
  }
  std::int64_t operator()(const Float32Product&) const { return 1; }
  // New keys and values are written to the cache first.
  std::int64_t operator()(const ContextAttention&) const { return 2; }
  std::int64_t operator()(const GenerationAttention&) const { return 2; }
  std::int64_t operator()(const DecodesBeside&) const { return 0; }  // the prompts' kernel
  std::int64_t operator()(const LatentAttention&) const { return 2; }
  // Two down and two up projections, two norms, rotary, two joins, cache, attention, output.
  std::int64_t operator()(const LatentModule&) const { return 12; }
  std::int64_t operator()(const LatentAbsorption&) const { return 2; }
  std::int64_t operator()(const GroupedExperts&) const { return expert_kernels; }
  std::int64_t operator()(const GatedDeltaNet&) const { return 2; }
  std::int64_t operator()(const MemoryTraffic&) const { return 1; }
  std::int64_t operator()(const CollectiveCall&) const { return 1; }
};

}  // namespace

std::int64_t kernel_count(const AnyOperation& operation, std::int64_t expert_kernels) {
  return std::visit(Counter{expert_kernels}, operation);
}

}  // namespace lockstep
