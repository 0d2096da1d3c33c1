// Operation times from imported tables, with the analytic model where a table cannot say.
//
// Tables were measured by repetition, so what fits L2 was warm. Serving is cold: a measured time
// is raised by the model's ratio of cold to warm at that size.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "perf/operations/analytic_operations.hpp"
#include "perf/operations/table_lookup.hpp"
#include "perf/tables/table_store.hpp"

namespace lockstep {

/// The rules that the leave-one-out errors chose (docs/kernel-times.md).
[[nodiscard]] LookupRules lookup_rules(MeasuredOperation operation);
/// Look-ups of a table whose model is the set's that answers for its keys.
[[nodiscard]] TableLookup make_lookup(std::shared_ptr<const OperationTable> table,
                                      const LookupRules& rules,
                                      std::shared_ptr<const AnalyticOperations> analytic);

class MeasuredOperations final : public OperationTimes {
public:
  /// `tables`: for each operation the tables to ask, the best first.
  MeasuredOperations(
      std::shared_ptr<const AnalyticOperations> analytic,
      const std::map<MeasuredOperation, std::vector<std::shared_ptr<const OperationTable>>>& tables,
      std::string description);

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
  [[nodiscard]] std::string description() const override { return description_; }

private:
  using Keys = std::initializer_list<std::int64_t>;
  /// Tables that do not hold what is asked for; they answer only where no other does.
  using Misfit = bool (*)(const TableOrigin& origin, std::span<const std::int32_t> keys,
                          std::int64_t axis);
  [[nodiscard]] std::optional<OperationTime> find(MeasuredOperation operation, Keys keys,
                                                  std::int64_t axis, Misfit misfit = nullptr) const;

  std::shared_ptr<const AnalyticOperations> analytic_;
  std::array<std::vector<TableLookup>, kMeasuredOperationCount> lookups_;
  std::string description_;
};

}  // namespace lockstep
