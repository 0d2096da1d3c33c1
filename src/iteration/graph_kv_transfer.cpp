// When the KV of a prompt leaves a prefill instance: layer by layer, or whole.
#include "iteration/graph_walk.hpp"

namespace lockstep {

/// Of the layer that the row belongs to, when `parent` has ended.
void StageWalk::send_kv(std::int32_t row, std::int32_t parent) {
  const std::int32_t tag = new_tag();
  row_zero_tag_ = row == 0 ? tag : row_zero_tag_;
  hand_over(row, row_at(row).comm_size, tag);
  assembly_.parent(parent);
}

/// The same messages as layer by layer, once the whole stage is computed.
void StageWalk::send_kept_kv() {
  for (const std::int32_t row : kept_kv_) {
    send_kv(row, last_compute_);
    assembly_.parent(last_collective_);
  }
  kept_kv_.clear();
}

}  // namespace lockstep
