// What a stretch of a request's time was spent on.
//
// The order of the causes is their priority: where several hold at the same instant of a step, the
// earliest in this list gets it. Work comes before waiting, computing before moving data, so that
// what is hidden behind a kernel is not counted.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "iteration/graph.hpp"

namespace lockstep {

enum class Cause : std::uint8_t {
  // Inside a step of the request.
  attention,
  experts,
  dense,        ///< projections and what follows them in a block
  norms,        ///< norms and rotary embedding
  head,         ///< embedding, last norm, logits, sampler
  drafts,       ///< the draft model proposes tokens
  adapters,     ///< adapters are loaded
  in_memory,    ///< computed by the memory device
  padding,      ///< what kernels take longer for tokens that only make a wave's members equal
  collective,   ///< messages of a collective over one dimension, or over all
  exchange,     ///< inside a collective, between its phases
  members,      ///< other members of the wave have not entered the collective yet
  npus,         ///< other NPUs of the instance have not entered the collective yet
  transfer,     ///< messages between pipeline stages, or to a decode instance
  tier_load,    ///< KV recalled from a lower tier
  memory_load,  ///< weights or inputs from slower memory
  memory_store,
  pipeline,    ///< the NPUs work on another batch: the step is behind it in the pipeline
  step_other,  ///< no NPU of the instance has work of the step in hand
  // Outside.
  running_step,  ///< from arrival until the step under way has ended
  queue,         ///< then until its first batch: for a place, KV memory, budget of tokens
  wave,          ///< its batch is formed, other members of the wave have none yet
  between,       ///< between two of its steps
  preempted,     ///< between two of its steps, having lost its KV
  handover,      ///< between prefill and decode instance
  recompute,     ///< steps that compute what a preemption had thrown away
};
inline constexpr int kCauses = static_cast<int>(Cause::recompute) + 1;

/// A cause; of collectives also the dimension (innermost 0), where known.
struct Part {
  static constexpr std::int32_t kAll = 1'000;  ///< all dimensions at once
  Cause cause = Cause::step_other;
  std::int32_t dimension = -1;
  friend auto operator<=>(const Part&, const Part&) = default;
};

/// "attention", "collective, dimension 0", ...
[[nodiscard]] std::string part_name(const Part& part);
/// Short key for scripts: "attention", "collective_0", "collective_all", ...
[[nodiscard]] std::string part_key(const Part& part);

/// What a node does. `row`: name of the row that it was made from, may be empty.
[[nodiscard]] Cause cause_of(const GraphNode& node, std::string_view row);

}  // namespace lockstep
