// One batch of one instance as rows: which layer takes how long, moves which tensors and is
// followed by which collective. The rows are what the text form of a trace shows.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "config/memory_location.hpp"
#include "network/collective.hpp"

namespace lockstep {

enum class ExecutionType : std::uint8_t { colocated, prefill, decode, event };

enum class RowKind : std::uint8_t {
  layer,    ///< an ordinary row
  kv_load,  ///< recall from a lower tier
  kv_evict,
  expert,      ///< marker EXPERT <index>
  expert_end,  ///< marker EXPERT END
  pim,         ///< marker PIM <index>
  pim_end      ///< marker PIM END
};

/// Name of the row in which a draft model runs.
inline constexpr std::string_view kDraftRow = "draft";
/// The same, in which adapters are loaded.
inline constexpr std::string_view kLoraLoadRow = "lora_load";

/// The same, in which the NPU waits for the host between two steps.
inline constexpr std::string_view kHostRow = "host";

/// Sub-batch of an interleaved iteration.
enum class BatchTag : std::uint8_t { none, batch_1, batch_2 };

struct TraceRow {
  RowKind kind = RowKind::layer;
  BatchTag tag = BatchTag::none;
  CollectiveKind comm = CollectiveKind::none;
  DimMask comm_mask;
  std::int32_t index = 0;  ///< of an expert or PIM marker
  /// Row name without its number ("layernorm", "expert", "kv_load"); points into static storage
  /// or into ParsedTrace::names. Empty for markers.
  std::string_view name;
  Nanos comp_time;
  MemoryLocation input_loc, weight_loc, output_loc;
  Bytes input_size, weight_size, output_size;
  /// Of the collective; on a prefill instance's qkv_proj with comm none: KV bytes to hand over.
  Bytes comm_size;
  /// What the collective takes once all members are there, where that is known; 0: the network
  /// decides. The text form does not have it.
  Nanos comm_time;
  /// What the row's launches cost the host; below 0: they are counted by its name. Not in the text
  /// form either.
  Nanos launch_time{-1};
  friend bool operator==(const TraceRow&, const TraceRow&) = default;
};

/// `repeat` copies of the same rows one after the other.
struct TraceSegment {
  std::vector<TraceRow> rows;
  std::int64_t repeat = 1;
};

struct IterationTrace {
  ExecutionType type = ExecutionType::colocated;
  std::int64_t pp_size = 1;
  /// First row of every stage after the first, in expanded rows without the leading kv rows.
  std::vector<std::int64_t> stage_boundaries;
  /// Prologue (with kv rows), blocks, head. Row numbers run over the expanded copies.
  std::vector<TraceSegment> segments;

  [[nodiscard]] std::int64_t num_rows() const;
};

/// Cuts `block_starts.size()` blocks into `pp_size` stages and appends the first row of every stage
/// after the first to `boundaries`. All stages get the floor; the remainder goes one each to the
/// stages before the last, latest first. Throws UserError for more stages than blocks.
void append_stage_boundaries(std::span<const std::int64_t> block_starts, std::int64_t pp_size,
                             std::vector<std::int64_t>& boundaries);

/// The text form, byte for byte as the field's converter reads it.
[[nodiscard]] std::string to_text(const IterationTrace& trace);
/// The text form of the start-up event: one row that ends after `alarm`.
[[nodiscard]] std::string event_trace_text(Nanos alarm);

/// `names` keeps the row names alive; moving it keeps them valid, copying would not.
struct ParsedTrace {
  ParsedTrace() = default;
  ParsedTrace(ParsedTrace&&) = default;
  ParsedTrace& operator=(ParsedTrace&&) = default;
  ParsedTrace(const ParsedTrace&) = delete;
  ParsedTrace& operator=(const ParsedTrace&) = delete;

  std::set<std::string, std::less<>> names;
  IterationTrace trace;
};
/// Reads the text form back (one segment, repeat 1). Throws UserError with `file_name` and line.
[[nodiscard]] ParsedTrace parse_trace(std::string_view text, const std::string& file_name);

}  // namespace lockstep
