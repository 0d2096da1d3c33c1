#include "engine/learnt_steps.hpp"

namespace lockstep {

LearntSteps::Key LearntSteps::key_of(const Batch& batch) {
  return {batch.total_len, batch.entries.size(), batch.graph};
}

const StepForm* LearntSteps::find(const Batch& batch) const {
  const auto found = forms_.find(key_of(batch));
  return found == forms_.end() ? nullptr : &found->second;
}

void LearntSteps::watch(const Batch& batch, Nanos begin, Nanos attention, const StepForm& form) {
  watched_ = batch.id;
  watched_key_ = key_of(batch);
  watched_form_ = form;
  paid_ = begin + attention * form.attention_rows;
  first_end_ = Nanos{-1};
}

void LearntSteps::half_done(std::int64_t batch, Nanos now) {
  if (batch == watched_ && first_end_ < Nanos{0}) {
    first_end_ = now;
  }
}

void LearntSteps::done(std::int64_t batch, Nanos now, bool one_npu, bool all_free) {
  if (batch != watched_) {
    return;
  }
  watched_ = -1;
  if (one_npu || (first_end_ == now && all_free)) {
    watched_form_.rest = now - paid_;
    forms_.emplace(watched_key_, watched_form_);
  }
}

}  // namespace lockstep
