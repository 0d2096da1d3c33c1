// Times of single operations on one GPU, whatever their source: measured tables, or coefficients
// fitted to them. An iteration is a sum over these. Answers are microseconds of GPU time on a
// quiet machine, in the state that serving has (weights and caches come from memory).
#pragma once

#include <string>

#include "perf/operations/operations.hpp"
#include "perf/time_source.hpp"

namespace lockstep {

struct OperationTime {
  double micros = 0;  ///< > 0 for a non-empty operation, 0 for an empty one (no rows, no bytes)
  TimeSource source = TimeSource::exact;
  /// How far the nearest measured point is: the largest |ln(asked / measured)| over the sizes
  /// (0.69: a factor of two in one of them). 0 for exact answers; not defined for analytic ones.
  double distance = 0;
};

/// Immutable after loading; safe to share between threads. Sizes that make no sense (negative) are
/// an InternalError; any size that does gets an answer.
class OperationTimes {
public:
  virtual ~OperationTimes() = default;

  [[nodiscard]] virtual OperationTime gemm(const Gemm& shape) const = 0;
  [[nodiscard]] virtual OperationTime context_attention(const ContextAttention& shape) const = 0;
  [[nodiscard]] virtual OperationTime generation_attention(
      const GenerationAttention& shape) const = 0;
  [[nodiscard]] virtual OperationTime decodes_beside(const DecodesBeside& shape) const = 0;
  /// The block from hidden state to output projection, DeepSeek-V3's dimensions.
  [[nodiscard]] virtual OperationTime latent_module(const LatentAttention& shape) const = 0;
  /// The kernel alone.
  [[nodiscard]] virtual OperationTime latent_attention(const LatentAttention& shape) const = 0;
  [[nodiscard]] virtual OperationTime latent_absorption(const LatentAbsorption& shape) const = 0;
  [[nodiscard]] virtual OperationTime experts(const GroupedExperts& shape) const = 0;
  [[nodiscard]] virtual OperationTime quantise(const Quantise& shape) const = 0;
  [[nodiscard]] virtual OperationTime delta_net(const GatedDeltaNet& shape) const = 0;
  [[nodiscard]] virtual OperationTime memory(const MemoryTraffic& traffic) const = 0;
  [[nodiscard]] virtual OperationTime collective(const CollectiveCall& shape) const = 0;

  /// One line for the output: GPU, engine version, source.
  [[nodiscard]] virtual std::string description() const = 0;
};

}  // namespace lockstep
