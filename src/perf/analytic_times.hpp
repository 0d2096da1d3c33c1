// Kernel times of a model on a GPU that nobody measured: each layer's sizes from the model's
// dimensions at a tensor-parallel degree, its time from the roofline.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "model/model_config.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/kernel_times.hpp"
#include "perf/roofline.hpp"

namespace lockstep {

class AnalyticTimes final : public KernelTimes {
public:
  AnalyticTimes(std::shared_ptr<const GpuFacts> gpu, ModelConfig model, std::int64_t tp,
                DataType dtype, KvCacheType kv_cache_dtype);

  [[nodiscard]] bool has(Layer layer) const override;
  [[nodiscard]] KernelTime dense(Layer layer, std::int64_t tokens) const override;
  [[nodiscard]] KernelTime per_sequence(Layer layer, std::int64_t sequences) const override;
  [[nodiscard]] KernelTime attention(const AttentionShape& shape) const override;
  [[nodiscard]] KernelTime moe(std::int64_t tokens, std::int64_t experts) const override;
  [[nodiscard]] std::string description() const override;

private:
  [[nodiscard]] double micros(Layer layer, double rows) const;

  std::shared_ptr<const GpuFacts> gpu_;
  ModelConfig model_;
  std::int64_t tp_;
  DataType dtype_;
  AttentionHeads heads_;
};

}  // namespace lockstep
