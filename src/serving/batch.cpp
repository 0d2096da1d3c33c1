#include "serving/batch.hpp"

#include <algorithm>

namespace lockstep {

bool Batch::has_fired(std::int32_t npu) const {
  return std::find(fired.begin(), fired.end(), npu) != fired.end();
}

bool Batch::has_ended(std::int32_t npu) const {
  return std::find(ended.begin(), ended.end(), npu) != ended.end();
}

Batch make_dummy_batch(std::int64_t id, std::int32_t instance, Nanos now) {
  Batch batch;
  batch.id = id;
  batch.instance = instance;
  batch.total_len = 1;
  batch.num_decode = 1;
  batch.dummy = true;
  batch.batch_time = now;
  return batch;
}

void pad_batch(Batch& batch, std::int64_t total_len) {
  const std::int64_t padding = total_len - batch.total_len;
  if (padding <= 0) {
    return;
  }
  batch.total_len = total_len;
  batch.num_decode += padding;
  batch.padding += padding;
}

void untake(Batch& batch, std::int32_t npu) {
  std::erase(batch.fired, npu);
}

}  // namespace lockstep
