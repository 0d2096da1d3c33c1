// Operation times from fitted coefficients alone. A set that the GPU lacks (A100 has no 8-bit
// products, nobody measured NCCL on a B60) is answered by the nearest other one: another number
// format of the same GPU, else the GPU's kin, with this GPU's peaks.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "perf/gpu_facts.hpp"
#include "perf/operations/coefficient_file.hpp"
#include "perf/operations/operation_sizes.hpp"
#include "perf/operations/operation_times.hpp"

namespace lockstep {

class AnalyticOperations final : public OperationTimes {
public:
  /// `files`: the GPU's own coefficients first (if it has any), then those of its kin, nearest
  /// first; at least one.
  AnalyticOperations(std::shared_ptr<const GpuFacts> gpu, std::vector<CoefficientFile> files);
  AnalyticOperations(const AnalyticOperations&) = delete;
  AnalyticOperations& operator=(const AnalyticOperations&) = delete;

  [[nodiscard]] OperationTime gemm(const Gemm& shape) const override;
  [[nodiscard]] OperationTime context_attention(const ContextAttention& shape) const override;
  [[nodiscard]] OperationTime generation_attention(const GenerationAttention& shape) const override;
  [[nodiscard]] OperationTime decodes_beside(const DecodesBeside& shape) const override;
  [[nodiscard]] OperationTime latent_module(const LatentAttention& shape) const override;
  [[nodiscard]] OperationTime latent_attention(const LatentAttention& shape) const override;
  [[nodiscard]] OperationTime latent_absorption(const LatentAbsorption& shape) const override;
  [[nodiscard]] OperationTime experts(const GroupedExperts& shape) const override;
  [[nodiscard]] OperationTime quantise(const Quantise& shape) const override;
  [[nodiscard]] OperationTime delta_net(const GatedDeltaNet& shape) const override;
  [[nodiscard]] OperationTime memory(const MemoryTraffic& traffic) const override;
  [[nodiscard]] OperationTime collective(const CollectiveCall& call) const override;
  [[nodiscard]] std::string description() const override;

  /// Whose coefficients answer for a set: the file's GPU and the set's name.
  struct Answer {
    const CoefficientFile* file = nullptr;
    const FittedSet* fitted = nullptr;
    const CoefficientSet* set = nullptr;
    GpuLimits limits;
  };
  [[nodiscard]] const Answer& answer(std::size_t set) const { return answers_[set]; }
  [[nodiscard]] const GpuFacts& gpu() const { return *gpu_; }
  /// Microseconds of a set's model for one call's sizes; 0 where nothing answers for the set.
  [[nodiscard]] double micros(std::size_t set, const Sizes& sizes) const;

private:
  [[nodiscard]] Answer find_answer(std::size_t set) const;

  std::shared_ptr<const GpuFacts> gpu_;
  std::vector<CoefficientFile> files_;
  std::vector<Answer> answers_;  ///< by set
};

/// Indices of the sets that answer for an operation.
[[nodiscard]] std::size_t set_of(const Gemm& shape);
[[nodiscard]] std::size_t set_of(const ContextAttention& shape);
[[nodiscard]] std::size_t set_of(const GenerationAttention& shape);
[[nodiscard]] std::size_t module_set_of(const LatentAttention& shape);
[[nodiscard]] std::size_t kernel_set_of(const LatentAttention& shape);
[[nodiscard]] std::size_t set_of(const GroupedExperts& shape);
[[nodiscard]] std::size_t set_of(const CollectiveCall& call);

}  // namespace lockstep
