// Rows and graphs in the short notation of the graph tests.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

#include "iteration/graph.hpp"

namespace lockstep::testing {

inline MemoryLocation remote(std::int32_t device, std::int32_t channel = -1) {
  return {MemoryTier::remote, device, channel};
}

/// A row by its non-default parts.
class Row {
public:
  explicit Row(std::string_view name, std::int64_t time = 0) {
    row_.name = name;
    row_.comp_time = Nanos{time};
  }
  Row& in(std::int64_t size, MemoryLocation location = {}) {
    row_.input_size = Bytes{size};
    row_.input_loc = location;
    return *this;
  }
  Row& weight(std::int64_t size, MemoryLocation location = {}) {
    row_.weight_size = Bytes{size};
    row_.weight_loc = location;
    return *this;
  }
  Row& out(std::int64_t size, MemoryLocation location = {}) {
    row_.output_size = Bytes{size};
    row_.output_loc = location;
    return *this;
  }
  Row& comm(CollectiveKind kind, std::int64_t size, DimMask mask = {}) {
    row_.comm = kind;
    row_.comm_size = Bytes{size};
    row_.comm_mask = mask;
    return *this;
  }
  Row& kind(RowKind kind, std::int32_t index = 0) {
    row_.kind = kind;
    row_.index = index;
    return *this;
  }
  Row& batch(BatchTag tag) {
    row_.tag = tag;
    return *this;
  }
  operator TraceRow() const { return row_; }  // NOLINT(google-explicit-constructor)

private:
  TraceRow row_;
};

inline Row expert(std::int32_t slot) {
  return Row("").kind(RowKind::expert, slot);
}
inline Row expert_end() {
  return Row("").kind(RowKind::expert_end);
}
inline Row pim(std::int32_t channel) {
  return Row("").kind(RowKind::pim, channel);
}
inline Row pim_end() {
  return Row("").kind(RowKind::pim_end);
}

inline IterationTrace trace_of(std::vector<TraceRow> rows,
                               std::vector<std::int64_t> boundaries = {}) {
  IterationTrace trace;
  trace.pp_size = static_cast<std::int64_t>(boundaries.size()) + 1;
  trace.stage_boundaries = std::move(boundaries);
  trace.segments.push_back({std::move(rows), 1});
  return trace;
}

/// Two sub-batches of a two-block model, in the order in which interleaving writes them.
inline IterationTrace interleaved(bool npu_attention) {
  std::vector<TraceRow> rows;
  const auto add = [&rows](BatchTag batch, std::initializer_list<std::int64_t> times) {
    for (const std::int64_t time : times) {
      rows.push_back(Row("layer", time).batch(batch));
    }
  };
  const auto attend = [&](BatchTag batch) {
    rows.push_back(pim(0));
    rows.push_back(Row("attention", 50).in(1, remote(0, 0)).batch(batch));
    rows.push_back(pim_end());
    if (npu_attention) {
      rows.push_back(Row("attention", 3).batch(batch));
    }
  };
  constexpr BatchTag kOne = BatchTag::batch_1;
  constexpr BatchTag kTwo = BatchTag::batch_2;
  for (const BatchTag batch : {kOne, kTwo}) {  // embedding, qkv_proj
    add(batch, {1, 2});
    attend(batch);
  }
  for (const BatchTag batch : {kOne, kTwo}) {  // o_proj, down_proj, qkv_proj
    add(batch, {4, 5, 2});
    attend(batch);
  }
  for (const BatchTag batch : {kOne, kTwo}) {  // o_proj, down_proj, lm_head, sampler
    add(batch, {4, 5, 6, 7});
  }
  rows.front().input_size = Bytes{40};
  rows.front().input_loc = remote(0);
  rows.back().output_size = Bytes{8};
  rows.back().output_loc = remote(0);
  return trace_of(std::move(rows));
}

inline std::string location_text(const MemoryLocation& location) {
  constexpr std::string_view kTiers[] = {"?", "LOCAL", "REMOTE", "CXL", "STORAGE"};
  std::string text(kTiers[static_cast<std::size_t>(location.tier)]);
  text += location.device >= 0 ? fmt::format(":{}", location.device) : "";
  text += location.channel >= 0 ? fmt::format(".{}", location.channel) : "";
  return text;
}

inline std::string mask_text(const DimMask& mask) {
  std::string text;
  for (std::size_t dim = 0; dim < mask.count; ++dim) {
    text += fmt::format("{}{}", dim == 0 ? ":" : ",", mask.involves(dim) ? 1 : 0);
  }
  return text;
}

inline std::string node_text(const GraphNode& node) {
  switch (node.kind) {
    case NodeKind::mem_load:
      return fmt::format("LOAD {} {}", location_text(node.location), node.size.count());
    case NodeKind::mem_store:
      return fmt::format("STORE {} {}", location_text(node.location), node.size.count());
    case NodeKind::pim:
      return fmt::format("PIM {} {} {}", node.duration.count(), location_text(node.location),
                         node.size.count());
    case NodeKind::compute:
      return fmt::format("COMP {}", node.duration.count());
    case NodeKind::send:
      return fmt::format("SEND to {} {} tag {}", node.peer, node.size.count(), node.tag);
    case NodeKind::recv:
      return fmt::format("RECV from {} {} tag {}", node.peer, node.size.count(), node.tag);
    case NodeKind::collective:
      return fmt::format("{}{} {}", collective_name(node.comm), mask_text(node.comm_mask),
                         node.size.count());
  }
  return "?";
}

/// "<id> <node> (<parent ids in order>)" for every node.
inline std::vector<std::string> graph_text(const NpuGraph& graph) {
  std::vector<std::string> lines;
  for (std::size_t node = 0; node < graph.size(); ++node) {
    std::vector<std::int64_t> parents;
    for (const std::int32_t parent : graph.parents_of(node)) {
      parents.push_back(graph.id(static_cast<std::size_t>(parent)));
    }
    lines.push_back(fmt::format("{} {} ({})", graph.id(node), node_text(graph.nodes[node]),
                                fmt::join(parents, ",")));
  }
  return lines;
}

}  // namespace lockstep::testing
