// What one step of one instance computes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "config/step_calibration.hpp"
#include "serving/request.hpp"

namespace lockstep {

/// One request's share of a batch.
struct BatchEntry {
  Request* request = nullptr;
  std::int64_t tokens = 0;           ///< scheduled in this step (q)
  std::int64_t computed_before = 0;  ///< context before it, prefix hits included (k)
  std::int64_t drafts = 0;           ///< of the tokens: proposed ones behind the last known one

  /// More of a prompt, or of what was lost, than one token.
  [[nodiscard]] bool is_prompt() const { return tokens - drafts > 1; }
};

/// How much of a step runs as captured graphs: nothing, all but attention, or everything.
enum class GraphUse : std::uint8_t { none, pieces, full };

/// An entry of more than one token counts as prefill, one of exactly one as decode; proposed tokens
/// are not counted.
struct Batch {
  std::int64_t id = 0;
  std::int32_t instance = 0;
  std::vector<BatchEntry> entries;  ///< scheduling order; empty for a dummy
  std::int64_t total_len = 0;       ///< tokens; raised by DP padding
  std::int64_t num_prefill = 0;
  std::int64_t num_decode = 0;    ///< padding counts as decodes
  std::int64_t num_drafts = 0;    ///< proposed tokens of all entries
  std::int64_t draft_passes = 0;  ///< of the draft model behind it
  std::int64_t padding = 0;       ///< tokens added to reach the wave's largest member
  std::int64_t wave_tokens = 0;   ///< of all members of its wave, padded; 0: in no wave
  GraphUse graph = GraphUse::none;
  StepFeatures step;    ///< of all members of its wave, without padding
  bool dummy = false;   ///< one decode of context 1, no requests
  Nanos batch_time;     ///< when it was formed
  Bytes load;           ///< recalled from a lower tier before the first layer
  Bytes write_through;  ///< written down to the lower tier; informative
  Bytes kv_size;        ///< used in the NPU pool when formed; informative
  std::int64_t pd_kv_send_tokens = 0;
  std::vector<std::int32_t> fired;  ///< NPUs that have taken it
  std::vector<std::int32_t> ended;  ///< NPUs that have reported it finished

  [[nodiscard]] bool has_fired(std::int32_t npu) const;
  [[nodiscard]] bool has_ended(std::int32_t npu) const;
  /// One NPU has it so far: the schedule() that returned it also built it.
  [[nodiscard]] bool taken_by_one() const { return fired.size() == 1; }
};

/// The 1-token batch by which an idle member takes part in a wave.
[[nodiscard]] Batch make_dummy_batch(std::int64_t id, std::int32_t instance, Nanos now);

/// Raises `batch` to `total_len` tokens (nothing when it has as many); the request entries stay as
/// they are, so attention sees only real sequences.
void pad_batch(Batch& batch, std::int64_t total_len);

/// NPU `npu` hands the batch back: its program does not exist yet.
void untake(Batch& batch, std::int32_t npu);

}  // namespace lockstep
