#include "iteration/trace_builder.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "iteration/trace_emitter.hpp"
#include "iteration/trace_shape.hpp"

namespace lockstep {
namespace {

ExecutionType execution_type(PdType pd) {
  switch (pd) {
    case PdType::prefill:
      return ExecutionType::prefill;
    case PdType::decode:
      return ExecutionType::decode;
    case PdType::none:
      break;
  }
  return ExecutionType::colocated;
}

}  // namespace

TraceBuilder::TraceBuilder(const Cluster& cluster, const Instance& instance,
                           std::shared_ptr<const KernelTimes> times, TraceSettings settings)
    : instance_(instance),
      times_(std::move(times)),
      settings_(settings),
      adapters_(instance.features.lora.max_loras) {
  ensure(times_ != nullptr && instance.model != nullptr,
         "a trace builder needs a model and its kernel times");
  if (instance.description) {
    described_ = std::make_unique<DescribedSteps>(
        instance, times_->operations(), settings_.described.value_or(DescribedSettings{}));
  } else {
    emitter_ = std::make_unique<TraceEmitter>(cluster, instance, *times_, settings);
  }
}

TraceBuilder::~TraceBuilder() = default;
TraceBuilder::TraceBuilder(TraceBuilder&&) noexcept = default;

const LookupCounts& TraceBuilder::lookups() const {
  return described_ ? described_->lookups() : emitter_->lookups();
}

KernelTime TraceBuilder::decode_attention(const BatchShape& shape) const {
  return described_ ? described_->mixing(shape) : emitter_->attention_time(shape);
}

std::int64_t TraceBuilder::attention_rows() const {
  return described_ ? 1 : emitter_->attention_rows();
}

LookupCounts TraceBuilder::other_lookups() const {
  return described_ ? described_->other_lookups() : emitter_->other_lookups();
}

void TraceBuilder::count(const LookupCounts& others, TimeSource attention,
                         std::int64_t attention_rows) {
  if (described_) {
    described_->count(others, attention, attention_rows);
  } else {
    emitter_->count(others, attention, attention_rows);
  }
}

const std::vector<std::string>& TraceBuilder::warnings() const {
  static const std::vector<std::string> kNone;
  return described_ ? kNone : emitter_->warnings();
}

void TraceBuilder::build(const Batch& batch, std::int64_t wave_len, IterationTrace& out,
                         EnergySink* energy) {
  if (described_) {
    described_->build(batch, out, energy);
    return;
  }
  out.type = execution_type(instance_.pd);
  out.pp_size = instance_.pp;
  out.stage_boundaries.clear();
  emitter_->begin(out, wave_len, batch.wave_tokens, energy);
  emitter_->open_group(1);
  if (batch.load > Bytes{0}) {
    emitter_->kv_load(batch.load);
  }
  const bool interleave = instance_.enable_sub_batch_interleaving && batch.entries.size() > 1;
  if (!interleave || !build_interleaved(batch, energy)) {
    build_plain(batch, out, energy);
  }
  emitter_->finish();
}

std::int64_t TraceBuilder::num_blocks() const {
  const bool one_only = settings_.single_block_without_copy && !instance_.enable_block_copy &&
                        instance_.model->has_experts() && !instance_.placement.block_mode();
  return one_only ? 1 : instance_.model->num_hidden_layers;
}

/// How many blocks from `block` on have the same rows: all, unless weights lie elsewhere or experts
/// are drawn anew for every block.
std::int64_t TraceBuilder::equal_blocks(std::int64_t block, std::int64_t end) const {
  const Placement& placement = instance_.placement;
  const bool drawn_anew = settings_.expert_routing == ExpertRoutingPolicy::random &&
                          instance_.model->has_experts() &&
                          (placement.block_mode() || !instance_.enable_block_copy);
  if (drawn_anew) {
    return 1;
  }
  if (!placement.block_mode()) {
    return end - block;
  }
  const auto weights = [&](std::int64_t b) {
    const auto index = static_cast<std::size_t>(b);
    return index < placement.blocks.size() ? placement.blocks[index].weights
                                           : placement.default_entry.weights;
  };
  std::int64_t equal = 1;
  while (block + equal < end && weights(block + equal) == weights(block)) {
    ++equal;
  }
  return equal;
}

void TraceBuilder::build_plain(const Batch& batch, IterationTrace& out, EnergySink* energy) {
  BatchShape shape = shape_of(batch, instance_.enable_attn_offloading);
  if (!settings_.fidelity.padding_is_sampled) {
    shape.lm_head_len = std::max<std::int64_t>(std::ssize(batch.entries) + batch.num_drafts, 1);
  }
  const std::int64_t kv_rows = emitter_->group_rows();
  emitter_->prologue(shape, BatchTag::none);
  if (settings_.lora) {
    emitter_->load_adapters(settings_.lora->load_time() * adapters_.take(batch.entries));
  }
  std::int64_t next_row = emitter_->group_rows() - kv_rows;
  const std::int64_t blocks = num_blocks();
  block_starts_.clear();
  for (std::int64_t block = 0; block < blocks;) {
    const std::int64_t copies = equal_blocks(block, blocks);
    emitter_->open_group(copies);
    emitter_->pre_attention(shape, BatchTag::none, block);
    emitter_->post_attention(shape, BatchTag::none, block);
    emitter_->book_blocks();
    for (std::int64_t copy = 0; copy < copies; ++copy) {
      block_starts_.push_back(next_row);
      next_row += emitter_->group_rows();
    }
    block += copies;
  }
  if (instance_.pp > 1) {
    append_stage_boundaries(block_starts_, instance_.pp, out.stage_boundaries);
  }
  emitter_->open_group(1);
  const double drafts =
      instance_.features.speculation.draft_micros * static_cast<double>(batch.draft_passes);
  emitter_->head(shape, BatchTag::none, Nanos{std::llround(drafts * 1e3)});
  if (energy != nullptr) {
    book_transfers(shape, batch, *energy);
  }
}

/// Two sub-batches in turn, so that one computes on the NPU while the other attends in memory.
bool TraceBuilder::build_interleaved(const Batch& batch, EnergySink* energy) {
  ensure(instance_.pp == 1, "sub-batch interleaving needs pp_size 1");
  split_batch(batch.entries, halves_);
  if (halves_[0].empty() || halves_[1].empty()) {
    return false;
  }
  const bool offload = instance_.enable_attn_offloading;
  std::array<BatchShape, 2> shapes = {shape_of(halves_[0], offload), shape_of(halves_[1], offload)};
  if (!settings_.fidelity.sub_batches_hand_no_kv_over && batch.pd_kv_send_tokens > 0) {
    for (const BatchEntry& entry : halves_[1]) {
      shapes[1].pd_tokens += entry.tokens;
    }
    shapes[0].pd_tokens = batch.pd_kv_send_tokens - shapes[1].pd_tokens;
  }
  constexpr std::array<BatchTag, 2> tags = {BatchTag::batch_1, BatchTag::batch_2};
  for (std::size_t half = 0; half < 2; ++half) {
    emitter_->prologue(shapes[half], tags[half]);
    emitter_->pre_attention(shapes[half], tags[half], 0);
    emitter_->book_blocks();
  }
  const std::int64_t layers = instance_.model->num_hidden_layers;
  const std::int64_t groups =
      num_blocks() == layers ? layers - 1 : std::min<std::int64_t>(1, layers - 1);
  for (std::int64_t block = 0; block < groups;) {
    // A group spans two blocks, so its copies end one block before the next kind of block.
    const std::int64_t copies = std::max<std::int64_t>(equal_blocks(block, groups + 1) - 1, 1);
    emitter_->open_group(copies);
    for (std::size_t half = 0; half < 2; ++half) {
      emitter_->post_attention(shapes[half], tags[half], block);
      emitter_->pre_attention(shapes[half], tags[half], block + 1);
    }
    emitter_->book_blocks();
    block += copies;
  }
  emitter_->open_group(1);
  for (std::size_t half = 0; half < 2; ++half) {
    emitter_->post_attention(shapes[half], tags[half], layers - 1);
    emitter_->book_blocks();
    emitter_->head(shapes[half], tags[half]);
  }
  if (energy != nullptr) {
    book_transfers(shapes[0], batch, *energy);
  }
  return true;
}

/// What the reference books beside the rows: stage hand-overs (without the element size), a prefill
/// instance's outputs, the recall from the lower tier.
void TraceBuilder::book_transfers(const BatchShape& shape, const Batch& batch,
                                  EnergySink& energy) const {
  const std::int64_t hidden = instance_.model->hidden_size;
  if (instance_.pp > 1) {
    const std::int64_t unit = settings_.fidelity.stage_energy_in_elements ? 1 : instance_.fp();
    energy.link(static_cast<double>(shape.total_len * hidden * (instance_.pp - 1) * unit));
  }
  if (instance_.pd == PdType::prefill && settings_.fidelity.prefill_energy_of_activations) {
    const std::int64_t fp = instance_.fp();
    energy.link(
        static_cast<double>(shape.total_len * hidden * fp + shape.lm_head_len * hidden * fp));
  }
  if (batch.load > Bytes{0}) {
    const std::int64_t ranks = settings_.fidelity.recall_counts_all_ranks ? 1 : instance_.num_npus;
    energy.dram(static_cast<double>(batch.load.count() * ranks));
  }
  if (!settings_.fidelity.write_down_costs_no_energy && batch.write_through > Bytes{0}) {
    energy.dram(static_cast<double>(batch.write_through.count()));
  }
}

}  // namespace lockstep
