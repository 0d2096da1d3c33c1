// The conversion of traces to graphs with its buffers kept between iterations.
//
// One conversion numbers nodes and messages through all its NPUs: stage by stage, inside a stage
// NPU by NPU, every node when it is made. Numbers decide which of several ready nodes is issued
// first, nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "iteration/graph.hpp"
#include "iteration/graph_assembly.hpp"
#include "iteration/graph_rows.hpp"
#include "iteration/graph_stages.hpp"

namespace lockstep {

/// Not thread-safe; build() leaves nothing behind but buffers, and that it does not try again to
/// fold what it could not.
class GraphBuilder {
public:
  /// As build_graphs, into `out`, ascending by NPU. Graphs that only `out` holds are overwritten
  /// in place; a graph that something else still holds is replaced by a new one.
  void build(const IterationTrace& trace, const GraphContext& context,
             std::vector<std::shared_ptr<NpuGraph>>& out);

  /// A node of one of the graphs.
  struct Place {
    std::int32_t graph = 0;
    std::int32_t node = 0;
  };
  /// The computations that the rows of this name have become, a place for each row, in graphs that
  /// were built last, of one stage.
  void find_computations(std::string_view name,
                         const std::vector<std::shared_ptr<NpuGraph>>& graphs,
                         std::vector<Place>& out) const;

private:
  friend class StageWalk;

  void build_event(std::vector<std::shared_ptr<NpuGraph>>& out);
  void build_stages(std::vector<std::shared_ptr<NpuGraph>>& out);
  void build_stage(std::size_t stage, std::vector<std::shared_ptr<NpuGraph>>& out);
  [[nodiscard]] bool close_loops(std::vector<std::shared_ptr<NpuGraph>>& out) const;

  // The conversion under way.
  GraphContext context_;
  ExecutionType type_ = ExecutionType::colocated;
  std::int64_t npus_per_stage_ = 1;
  std::int64_t next_id_ = 0;
  std::int32_t next_tag_ = 0;
  TraceRows rows_;
  bool cannot_fold_ = false;  ///< a trace before this one had loops that are not closed
  std::vector<Stage> stages_;
  /// Tags of the messages into the stage under way, by position; overwritten by those out of it.
  std::vector<std::int32_t> stage_tags_;

  // Buffers of the walk over one NPU's rows.
  std::vector<std::int32_t> row_compute_;     ///< compute node of a row
  std::vector<std::int32_t> row_collective_;  ///< collective node of a row
  std::vector<std::int32_t> pim_parents_, pim_open_, pim_past_;
  GraphAssembly assembly_, receiver_assembly_;
};

}  // namespace lockstep
