// How long a step takes on the GPU: the sum of its operations, as a list for people or quickly.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/description/model_description.hpp"
#include "model/description/parallel_split.hpp"
#include "perf/operations/operation_times.hpp"
#include "steps/operation_sink.hpp"
#include "steps/step_batch.hpp"
#include "steps/step_options.hpp"

namespace lockstep {

/// Equal calls of one operation.
struct TimedOperation {
  std::string_view name;
  AnyOperation operation;
  std::int64_t times = 1;
  OperationTime each;

  [[nodiscard]] double micros() const { return each.micros * static_cast<double>(times); }
};

/// One rank's steps; all ranks of a plan do the same. Not thread-safe: it remembers what it priced.
class StepModel {
public:
  StepModel(ModelDescription model, ParallelSplit split, StepOptions options,
            std::shared_ptr<const OperationTimes> times);

  /// In execution order, except that attention follows the rows of all layers.
  [[nodiscard]] std::vector<TimedOperation> operations(const StepBatch& batch) const;
  /// The sum over operations().
  [[nodiscard]] double micros(const StepBatch& batch);
  /// Of a step that attention-DP ranks run together, one batch each, padded to the largest: in
  /// every layer all wait for the longest attention. A batch without tokens is an idle rank's
  /// dummy, which has neither attention nor a head.
  [[nodiscard]] double group_micros(std::span<const StepBatch* const> ranks);

  /// Kernels that a step of one prompt launches where no graph holds them.
  [[nodiscard]] std::int64_t kernels(std::int64_t tokens) const;

  [[nodiscard]] const ModelDescription& model() const { return model_; }
  [[nodiscard]] const ParallelSplit& split() const { return split_; }
  [[nodiscard]] const StepOptions& options() const { return options_; }
  [[nodiscard]] const OperationTimes& times() const { return *times_; }

private:
  [[nodiscard]] double row_micros(std::int64_t tokens);
  [[nodiscard]] double head_micros(std::int64_t tokens, std::int64_t rows);

  ModelDescription model_;
  ParallelSplit split_;
  StepOptions options_;
  std::shared_ptr<const OperationTimes> times_;
  std::unique_ptr<MixedDecodes> mixed_decodes_;
  std::unordered_map<std::int64_t, double> rows_;  ///< by padded tokens
  std::unordered_map<std::int64_t, double> head_;  ///< by padded tokens and sampled rows
};

}  // namespace lockstep
