// Attention rows of requests whose decode runs on memory channels.
#include <algorithm>

#include "base/numeric.hpp"
#include "iteration/trace_emitter.hpp"

namespace lockstep {

void TraceEmitter::pim_rows(const BatchShape& shape, BatchTag tag, std::int64_t block) {
  const std::int64_t split = std::min(pim_->channels, model_.num_key_value_heads);
  pim_schedule_.assign(shape.entries, pim_->channels, split,
                       settings_.fidelity.pim_length_is_prompt);
  const TensorSizes sizes = pim_attention_sizes(rank_model_, instance_.tp, instance_.fp(), kv_fp_);
  const MemoryLocation weights = instance_.placement.weights(block, Layer::attention);
  for (std::int64_t channel = 0; channel < pim_->channels; ++channel) {
    marker_row(RowKind::pim, channel);
    for (const std::int64_t length : pim_schedule_.lengths(channel)) {
      TraceRow& row = rows_->emplace_back();
      row.tag = tag;
      row.name = layer_name(Layer::attention);
      row.comp_time = Nanos{truncate(pim_->attention_latency(
          model_.num_attention_heads, model_.num_key_value_heads, model_.head_dim, length, split))};
      row.input_loc =
          MemoryLocation{MemoryTier::remote, instance_.node, static_cast<std::int32_t>(channel)};
      row.output_loc = row.input_loc;
      row.weight_loc = weights;
      row.input_size = sizes.input / split;
      row.output_size = sizes.output / split;
      if (energy_ != nullptr && row.comp_time > Nanos{0}) {
        record_.add_dram(row.input_size + row.output_size);
        record_.add_pim(row.comp_time);
      }
    }
  }
  marker_row(RowKind::pim_end);
}

}  // namespace lockstep
