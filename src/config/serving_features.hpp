// Features of the engine that act inside one instance. All are off by default.
#pragma once

#include <cstdint>

#include "base/units.hpp"

namespace lockstep {

/// Who waits before whom, and who is preempted for memory.
enum class QueuePolicy : std::uint8_t {
  fcfs,      ///< by arrival; the one admitted last is preempted
  priority,  ///< by (priority, arrival); the largest of them is preempted
};

/// Which requests share a step.
enum class StepPolicy : std::uint8_t {
  mixed,          ///< decodes and prompts, running requests first
  prefill_first,  ///< prompts alone while one can be computed, else decodes
  decode_first,   ///< decodes alone while somebody decodes, else prompts
};

/// A draft model proposes tokens, and a step of the model itself verifies them.
struct Speculation {
  std::int64_t tokens = 0;  ///< proposed to each decoding request a step; 0: off
  double acceptance = -1;   ///< chance of each proposed token, if all before it were; -1: not given
  double draft_micros = 0;  ///< us, of one pass of the draft model over the requests of a step
  std::int64_t seed = 0;    ///< of what is accepted

  [[nodiscard]] bool on() const { return tokens > 0; }
};

/// Adapters of low rank beside the weights.
struct LoraSettings {
  std::int64_t max_loras = 0;  ///< different ones in a step; 0: off
  std::int64_t max_rank = 16;  ///< all are padded to it
  double load_bandwidth = 0;   ///< GB/s of 10^9 bytes, host to NPU; 0: loading takes no time

  [[nodiscard]] bool on() const { return max_loras > 0; }
};

struct ServingFeatures {
  QueuePolicy queue_policy = QueuePolicy::fcfs;
  StepPolicy step_policy = StepPolicy::mixed;
  Speculation speculation;
  LoraSettings lora;
};

}  // namespace lockstep
