// Operations as the sizes that their models take, and the limits of a GPU for a number format.
#pragma once

#include "perf/gpu_facts.hpp"
#include "perf/operations/operation_model.hpp"
#include "perf/operations/operations.hpp"

namespace lockstep {

/// Bytes of a weight with its scales.
[[nodiscard]] double weight_bytes(Precision precision);
[[nodiscard]] double activation_bytes(Precision precision);
[[nodiscard]] GpuLimits limits_of(const GpuFacts& gpu, Precision precision);

/// Whether data of the call before may still be in L2 (tables are measured by repetition) or not
/// (serving: other layers' data passed in between).
enum class CacheState : std::uint8_t { measured, cold };

[[nodiscard]] Sizes sizes_of(const Gemm& gemm, CacheState state);
[[nodiscard]] Sizes sizes_of(const ContextAttention& attention);
[[nodiscard]] Sizes sizes_of(const GenerationAttention& attention, CacheState state);
[[nodiscard]] Sizes sizes_of(const LatentAttention& attention);
[[nodiscard]] Sizes sizes_of(const LatentAbsorption& absorption);
[[nodiscard]] Sizes sizes_of(const GroupedExperts& experts);
[[nodiscard]] Sizes sizes_of(const GatedDeltaNet& net);
[[nodiscard]] Sizes sizes_of(const Quantise& quantise);
[[nodiscard]] Sizes sizes_of(const CollectiveCall& call);

/// Microseconds, with the coefficients of context_attention_model() and, for what decodes read and
/// their empty tiles, those of the GPU's layer model.
[[nodiscard]] double decodes_beside_micros(const GpuFacts& gpu, const GpuLimits& limits,
                                           std::span<const double> coefficients,
                                           const DecodesBeside& shape);

}  // namespace lockstep
