// One NPU's walk over the rows of its stage, making the nodes row by row.
//
// Plain rows form a chain: weight load, compute, collective, next row. EXPERT sections run only
// the slots that fall on this NPU; PIM sections turn rows into nodes of the memory device, which
// the first compute after them waits for.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "iteration/graph_builder.hpp"

namespace lockstep {

/// A load, a store or a computation in memory, of `size`, made from row `row`.
[[nodiscard]] GraphNode memory_node(NodeKind kind, std::int32_t row, const MemoryLocation& location,
                                    Bytes size);

class StageWalk {
public:
  /// `receiver`: the graph that takes this NPU's hand-over messages; prefill only, else null.
  StageWalk(GraphBuilder& conversion, std::size_t stage, std::int64_t position, NpuGraph& graph,
            NpuGraph* receiver);
  void run();

private:
  enum class Section : std::uint8_t { none, expert, pim };

  // Start and end of the stage.
  void place_kv_nodes();
  void begin_stage();
  void end_stage();
  void end_parents();

  // Rows. The marker functions return the next row to look at.
  void plain_row(std::int32_t row);
  void pim_row(std::int32_t row);
  std::int32_t expert_marker(std::int32_t row);
  std::int32_t pim_marker(std::int32_t row);
  [[nodiscard]] std::int32_t next_slot(std::int32_t row) const;

  // Nodes of a row.
  std::int32_t weight_load(std::int32_t row);
  [[nodiscard]] bool goes_on_with(std::int32_t row, std::int32_t weight);
  std::int32_t lengthen(std::int32_t row);
  std::int32_t compute(std::int32_t row, std::int32_t weight);
  void compute_parents(std::int32_t row, std::int32_t weight);
  void chain_parent(std::int32_t row);
  void wait_for_pim(const TraceRow& row);
  [[nodiscard]] std::vector<std::int32_t>& pim_results(BatchTag tag);
  void collective(std::int32_t row, std::int32_t parent);
  void hand_over(std::int32_t row, Bytes size, std::int32_t tag);
  void send_kv(std::int32_t row, std::int32_t parent);
  void send_kept_kv();

  std::int32_t create(const GraphNode& node);
  std::int32_t new_tag() { return conversion_.next_tag_++; }
  [[nodiscard]] static bool names(const TraceRow& row, std::string_view part);
  void all_parents(const std::vector<std::int32_t>& nodes);

  [[nodiscard]] const TraceRow& row_at(std::int32_t row) const { return conversion_.rows_[row]; }
  [[nodiscard]] std::int32_t& compute_of(std::int32_t row);
  [[nodiscard]] std::int32_t& collective_of(std::int32_t row);
  [[nodiscard]] bool is_first_stage() const { return stage_.begin == 0; }
  [[nodiscard]] bool is_last_stage() const { return stage_.end == conversion_.rows_.size(); }
  /// Collectives of plain rows need company; those of EXPERT markers may span other instances.
  [[nodiscard]] bool use_collectives() const { return conversion_.npus_per_stage_ > 1; }

  GraphBuilder& conversion_;
  GraphAssembly& assembly_;
  Stage stage_;
  std::int64_t position_;  ///< inside the stage
  std::int32_t npu_;
  NpuGraph& graph_;
  NpuGraph* receiver_;

  Section section_ = Section::none;
  bool first_ = true;  ///< nothing waits for the input yet
  std::int32_t input_ = kNoNode, kv_load_ = kNoNode, kv_evict_ = kNoNode;
  std::int32_t last_compute_ = kNoNode, last_collective_ = kNoNode;
  std::int32_t dispatch_ = kNoNode;    ///< of the EXPERT section under way
  std::int32_t row_zero_tag_ = -1;     ///< of a KV message made from row 0
  std::vector<std::int32_t> kept_kv_;  ///< rows whose KV leaves at the end of the stage
  bool overlap_ = false;               ///< NPU attention runs beside the PIM nodes
  BatchTag pim_batch_ = BatchTag::batch_1;
};

}  // namespace lockstep
