// The rows of a step of a described model: its operations in the order in which they run, each
// priced by itself; collectives follow the row that they wait for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "config/cluster.hpp"
#include "iteration/decode_block_times.hpp"
#include "iteration/even_decodes.hpp"
#include "iteration/trace.hpp"
#include "iteration/trace_energy.hpp"
#include "iteration/trace_shape.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/kernel_times.hpp"
#include "perf/operations/operation_times.hpp"
#include "steps/step_operations.hpp"

namespace lockstep {

struct DescribedSettings {
  StepOptions options;
  /// Collectives take what was measured on the hardware; otherwise the network decides.
  bool measured_collectives = true;
  /// Of the GPU, where decodes that are not split go by its blocks (`unsplit-decodes`).
  std::optional<DecodeBlocks> decode_blocks{};
};

/// Nothing for an instance that runs layer by layer. Measured collectives are those of one node
/// with the GPU's own links: not for ranks on several nodes, nor where the cluster file's links
/// are other ones by more than a quarter.
[[nodiscard]] std::optional<DescribedSettings> described_settings_of(const Instance& instance,
                                                                     const Cluster& cluster,
                                                                     GpuCatalog& gpus);

/// Of one instance. Not thread-safe.
class DescribedSteps {
public:
  /// `instance` must outlive it.
  DescribedSteps(const Instance& instance, std::shared_ptr<const OperationTimes> times,
                 DescribedSettings settings);

  /// Fills `out` in place. `energy` may be null.
  void build(const Batch& batch, IterationTrace& out, EnergySink* energy);
  /// All that looks back at earlier tokens in all layers of such a step: one sum.
  [[nodiscard]] KernelTime mixing(const BatchShape& shape) const;

  /// Each operation of each layer is one look-up; what looks back is one for the whole step.
  [[nodiscard]] const LookupCounts& lookups() const { return lookups_; }
  /// Of the step built last, without what looks back.
  [[nodiscard]] const LookupCounts& other_lookups() const { return step_lookups_; }
  /// As if a step with these look-ups had been built.
  void count(const LookupCounts& others, TimeSource mixing, std::int64_t times);

private:
  /// Of one kind of layer, or in front of or behind the layers; what looks back comes between.
  struct Rows {
    std::vector<TraceRow> before, after;
    LookupCounts lookups;
    std::int64_t copies = 1;
  };
  class Writer;
  class MixingSum;
  using Size = std::pair<std::int64_t, std::int64_t>;

  /// `shape`: of the step, for what looks back; null for what does not.
  [[nodiscard]] OperationTime time(const AnyOperation& operation, const BatchShape* shape) const;
  [[nodiscard]] StepContext context(std::int64_t tokens, std::int64_t group_tokens) const;
  /// The embedding, then each kind of layer.
  const std::vector<Rows>& rows_of(std::int64_t tokens, std::int64_t group_tokens);
  const Rows& head_of(std::int64_t tokens, std::int64_t rows);
  void write(const Rows& rows, std::span<const TraceRow> mixing, const Batch& batch,
             TraceSegment& segment);
  void book(const TraceSegment& segment, EnergySink& energy);

  const Instance& instance_;
  std::shared_ptr<const OperationTimes> times_;
  ParallelSplit split_;
  DescribedSettings settings_;
  std::unique_ptr<EvenDecodes> even_decodes_;        ///< null: decodes are so many of their mean
  std::unique_ptr<DecodeBlockTimes> decode_blocks_;  ///< null: decodes are operations like others
  std::map<Size, std::vector<Rows>> rows_;           ///< by tokens here and of the group
  std::map<Size, Rows> heads_;                       ///< by tokens and sampled rows
  LookupCounts lookups_, step_lookups_;
  TraceEnergy record_;
};

}  // namespace lockstep
