// Times of single operations beside a measured layer bundle of the same GPU, layer by layer: two
// measurements of the same kernels that know nothing of each other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/model_config.hpp"
#include "perf/operations/operation_fit.hpp"
#include "perf/operations/operation_times.hpp"

namespace lockstep {

struct LayerComparison {
  std::string layer;  ///< attention in three: prompts, decodes, both in one step
  FitError error;     ///< signed: (operations - bundle) / bundle
};

/// The tables of one folder tp<N> of a bundle in 16 bits. Layers that the model does not have are
/// left out; a layer whose name is not known is refused. `one_attention_kernel`: for the prompts
/// and decodes of a step, instead of two.
[[nodiscard]] std::vector<LayerComparison> compare_bundle(const std::filesystem::path& folder,
                                                          std::int64_t tp, const ModelConfig& model,
                                                          const OperationTimes& times,
                                                          bool one_attention_kernel);

}  // namespace lockstep
