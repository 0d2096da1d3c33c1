// Leaving out steps: while the same requests decode and nothing comes in, a step of a known form
// needs no program. Requests, blocks and counters go on as if it had run; the NPUs get the last
// one.
#include <algorithm>

#include "engine/controller.hpp"
#include "iteration/trace_shape.hpp"

namespace lockstep {

/// Of a step of a known form, which takes its time as a whole. Null: it has to be simulated.
const Program* Controller::known_program(ServingInstance& instance, const Batch& batch) {
  const bool together = instance.config().width() == 1 || !policy_.end_npu_joins_at_next_event;
  const StepForm* form = together ? instance.learnt().find(batch) : nullptr;
  if (form == nullptr) {
    return nullptr;
  }
  ++steps_;
  return &instance.known_program(batch, *form);
}

/// When the step begins that `batch` has become: `now`, if none was left out.
Nanos Controller::leave_out_steps(ServingInstance& instance, const Batch& batch, Nanos now) {
  Scheduler& scheduler = instance.scheduler();
  if (instances_.size() > 1 && router_.has_open_sessions()) {
    return now;  // a call may arrive when one of another instance has ended
  }
  const StepForm* form = instance.learnt().find(batch);
  std::int64_t left = form != nullptr ? scheduler.steps_alike(now) : 0;
  if (left == 0) {
    return now;
  }
  const Nanos horizon = next_happening();
  BatchShape shape = shape_of(batch, false);  // its entries are the batch's, which go on
  for (; left > 0; --left) {
    const KernelTime attention = instance.traces().decode_attention(shape);
    const Nanos end = now + form->time(attention.time);
    if (end >= horizon || !scheduler.repeat_step(end)) {
      break;
    }
    instance.count_lookups(*form, attention.source);
    count_step(std::ssize(batch.entries));
    ++shape.attention.kv_decode_mean;
    ++shape.attention.kv_decode_max;
    ++shape.attention.kv_decode_min;
    now = end;
  }
  return now;
}

/// The next heartbeat, or the next arrival: a step that ends then or later is not the last of its
/// kind that nobody looks at.
Nanos Controller::next_happening() const {
  const Nanos heartbeat = next_heartbeat_after() + Nanos{1};
  return std::min({router_.next_arrival().value_or(heartbeat), heartbeat, horizon_});
}

/// One that brought a token for each of its requests.
void Controller::count_step(std::int64_t tokens) {
  ++steps_;
  generated_tokens_ += tokens;
  window_generated_ += tokens;
  step_generated_ += tokens;
}

}  // namespace lockstep
