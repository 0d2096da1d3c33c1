#include "validation/simulated_steps.hpp"

namespace lockstep {

void StepCollector::on_launch(std::span<Batch* const> batches, Nanos now) {
  for (const Batch* batch : batches) {
    open_[{batch->instance, batch->id}] = {batch->instance, now, now, batch->step};
  }
}

void StepCollector::on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) {
  const auto found = open_.find({instance, batch});
  if (found != open_.end()) {
    found->second.end = now;
    steps_.push_back(found->second);
    open_.erase(found);
  }
}

}  // namespace lockstep
