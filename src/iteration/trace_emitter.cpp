#include "iteration/trace_emitter.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "iteration/separate_prompts.hpp"

namespace lockstep {
namespace {

std::string layer_text(const Instance& instance, Layer layer) {
  return fmt::format("layer '{}' of {} ({}) on {} at tp {}", layer_name(layer),
                     instance.model->name, variant_name(instance.dtype, instance.kv_cache_dtype),
                     instance.hardware, instance.tp);
}

MemoryLocation host_memory(const Instance& instance) {
  return MemoryLocation{MemoryTier::remote, instance.node};
}

}  // namespace

TraceEmitter::TraceEmitter(const Cluster& cluster, const Instance& instance,
                           const KernelTimes& times, const TraceSettings& settings)
    : instance_(instance),
      model_(*instance.model),
      rank_model_(settings.fidelity.kv_heads_split_without_limit
                      ? *instance.model
                      : with_replicated_kv_heads(*instance.model, instance.tp)),
      kv_fp_(settings.fidelity.kv_read_in_weight_type ? instance.fp() : instance.kv_fp()),
      architecture_(architecture_for(instance.model->model_type)),
      times_(times),
      settings_(settings) {
  if (instance.enable_attn_offloading) {
    const auto& pim = cluster.nodes.at(static_cast<std::size_t>(instance.node)).pim;
    ensure(pim.has_value(), "attention offloading on a node without memory-side compute");
    if (pim->channels < 1) {
      throw UserError(fmt::format("the memory of node {} has no room for one PIM channel of {} GB",
                                  instance.node, pim->dimm_size_gb),
                      Where{{}, 0, fmt::format("nodes[{}].cpu_mem.mem_size", instance.node)},
                      "give the node more memory or switch attention offloading off");
    }
    pim_ = &*pim;
  }
  if (model_.has_experts()) {
    router_.emplace(settings.expert_routing, model_.num_experts, model_.num_experts_per_tok,
                    settings.fidelity.expert_round_robin_restarts);
  }
  if (settings.decode_blocks) {
    unsplit_decodes_ = std::make_unique<UnsplitDecodes>(
        *settings.decode_blocks, RankCache{rank_model_.num_key_value_heads / instance_.tp,
                                           2 * rank_model_.head_dim * instance_.kv_fp()});
  }
  require_data(architecture_.prologue);
  require_data(architecture_.head);
  pre_attn_ = with_data(architecture_.pre_attn);
  post_attn_ = with_data(architecture_.post_attn);
  mlp_ = with_data(model_.has_experts() ? architecture_.mlp_moe : architecture_.mlp_dense);
}

void TraceEmitter::require_data(const std::vector<Layer>& section) const {
  for (const Layer layer : section) {
    if (!times_.has(layer)) {
      throw UserError("no kernel times for " + layer_text(instance_, layer),
                      Where{{}, 0, "--perf-dir"}, "profile the model with this layer");
    }
  }
}

/// The layers of a block that can be timed. Attention and experts cannot be left out.
std::vector<Layer> TraceEmitter::with_data(const std::vector<Layer>& section) {
  const bool is_tpu = instance_.hardware.find("TPU") != std::string::npos;
  std::vector<Layer> kept;
  for (const Layer layer : section) {
    if (layer == Layer::rotary_emb && is_tpu) {
      continue;  // fused into attention there
    }
    if (layer == Layer::attention || layer == Layer::moe) {
      require_data({layer});
    } else if (!times_.has(layer)) {
      std::string warning = "no kernel times for " + layer_text(instance_, layer) + "; left out";
      if (std::find(warnings_.begin(), warnings_.end(), warning) == warnings_.end()) {
        warnings_.push_back(std::move(warning));
      }
      continue;
    }
    kept.push_back(layer);
  }
  return kept;
}

void TraceEmitter::begin(IterationTrace& out, std::int64_t wave_len, std::int64_t wave_tokens,
                         EnergySink* energy) {
  out_ = &out;
  groups_ = 0;
  wave_len_ = wave_len;
  wave_tokens_ = wave_tokens;
  energy_ = energy;
  lookups_before_ = lookups_;
  attention_lookups_ = {};
  attention_rows_ = 0;
  record_.clear();
  for (Memo& memo : memos_) {
    memo.attention_known = false;
  }
  if (router_) {
    router_->restart();
  }
}

void TraceEmitter::open_group(std::int64_t copies) {
  if (groups_ == out_->segments.size()) {
    out_->segments.emplace_back();
  }
  TraceSegment& segment = out_->segments[groups_++];
  segment.rows.clear();
  segment.repeat = copies;
  rows_ = &segment.rows;
  copies_ = copies;
}

std::int64_t TraceEmitter::group_rows() const {
  return static_cast<std::int64_t>(rows_->size());
}

void TraceEmitter::finish() {
  out_->segments.resize(groups_);
}

const TraceEmitter::LayerMemo& TraceEmitter::layer_facts(const BatchShape& shape, BatchTag tag,
                                                         Layer layer) {
  LayerMemo& memo = this->memo(tag).layers[static_cast<std::size_t>(layer)];
  const bool per_sequence = layer == Layer::lm_head || layer == Layer::sampler;
  const std::int64_t argument = per_sequence ? shape.lm_head_len : shape.total_len;
  if (memo.tokens != shape.total_len || memo.argument != argument) {
    memo.time = per_sequence ? times_.per_sequence(layer, argument) : times_.dense(layer, argument);
    memo.sizes = tensor_sizes(rank_model_, layer, shape.total_len, 0, instance_.tp, instance_.fp());
    memo.tokens = shape.total_len;
    memo.argument = argument;
  }
  count(memo.time.source);
  return memo;
}

KernelTime TraceEmitter::attention_time(const BatchShape& shape) const {
  if (unsplit_decodes_ && unsplit_decodes_->applies(shape)) {
    return unsplit_decodes_->attention(times_, shape);
  }
  return instance_.terms.separate_prompts ? attention_of_separate_prompts(times_, shape)
                                          : times_.attention(shape.attention);
}

const TraceEmitter::LayerMemo& TraceEmitter::attention_facts(const BatchShape& shape,
                                                             BatchTag tag) {
  Memo& memo = this->memo(tag);
  if (!memo.attention_known) {
    memo.attention.time = attention_time(shape);
    memo.attention.sizes = tensor_sizes(rank_model_, Layer::attention, shape.total_len,
                                        shape.kv_len(), instance_.tp, instance_.fp(), kv_fp_);
    memo.attention_known = true;
  }
  count_attention(memo.attention.time.source);
  return memo.attention;
}

void TraceEmitter::count_attention(TimeSource source) {
  count(source);
  attention_lookups_.add(source, copies_);
  attention_rows_ += copies_;
}

LookupCounts TraceEmitter::other_lookups() const {
  LookupCounts others = lookups_;
  for (std::size_t i = 0; i < others.by_source.size(); ++i) {
    others.by_source[i] -= lookups_before_.by_source[i] + attention_lookups_.by_source[i];
  }
  return others;
}

void TraceEmitter::count(const LookupCounts& others, TimeSource attention,
                         std::int64_t attention_rows) {
  for (std::size_t i = 0; i < others.by_source.size(); ++i) {
    lookups_.by_source[i] += others.by_source[i];
  }
  lookups_.add(attention, attention_rows);
}

TraceRow& TraceEmitter::plain_row(const BatchShape& shape, BatchTag tag,
                                  std::optional<std::int64_t> block, Layer layer) {
  const LayerMemo& facts =
      layer == Layer::attention ? attention_facts(shape, tag) : layer_facts(shape, tag, layer);
  TraceRow& row = rows_->emplace_back();
  row.tag = tag;
  row.name = layer_name(layer);
  row.comp_time = facts.time.time;
  row.weight_loc = instance_.placement.weights(block, layer);
  row.input_size = facts.sizes.input;
  row.weight_size = facts.sizes.weight;
  row.output_size = facts.sizes.output;
  return row;
}

TraceRow& TraceEmitter::marker_row(RowKind kind, std::int64_t index) {
  TraceRow& row = rows_->emplace_back();
  row.kind = kind;
  row.index = static_cast<std::int32_t>(index);
  return row;
}

void TraceEmitter::kv_load(Bytes size) {
  TraceRow& row = rows_->emplace_back();
  row.kind = RowKind::kv_load;
  row.name = "kv_load";
  row.weight_loc = instance_.placement.default_entry.kv_evict_loc;
  row.weight_size = size;
}

/// A row outside the blocks: its latency, then its weights if they lie off the NPU.
void TraceEmitter::outer_energy(const TraceRow& row, Bytes weight) {
  if (energy_ == nullptr) {
    return;
  }
  energy_->npu_active(row.comp_time);
  if (row.weight_loc.tier != MemoryTier::local) {
    energy_->dram(static_cast<double>(weight.count()));
  }
}

/// A row that computes and moves nothing.
void TraceEmitter::time_row(std::string_view name, Nanos time) {
  TraceRow& row = rows_->emplace_back();
  row.name = name;
  row.comp_time = time;
  outer_energy(row, Bytes{0});
}

void TraceEmitter::load_adapters(Nanos time) {
  if (time > Nanos{0}) {
    time_row(kLoraLoadRow, time);
  }
}

void TraceEmitter::prologue(const BatchShape& shape, BatchTag tag) {
  adapted_ = settings_.lora ? adapted_tokens(shape.entries) : AdaptedTokens{};
  bool first = true;
  for (const Layer layer : architecture_.prologue) {
    TraceRow& row = plain_row(shape, tag, std::nullopt, layer);
    if (first) {
      row.input_loc = host_memory(instance_);
      first = false;
    }
    if (energy_ != nullptr) {  // the reference books these weights as if they were not split
      const std::int64_t cut = settings_.fidelity.embedding_energy_not_split ? 1 : instance_.tp;
      outer_energy(row,
                   tensor_sizes(model_, layer, shape.total_len, 0, cut, instance_.fp()).weight);
    }
  }
}

void TraceEmitter::head(const BatchShape& shape, BatchTag tag, Nanos drafts) {
  for (const Layer layer : architecture_.head) {
    if (layer == architecture_.head.back() && drafts > Nanos{0}) {
      time_row(kDraftRow, drafts);
    }
    TraceRow& row = plain_row(shape, tag, std::nullopt, layer);
    if (layer == architecture_.head.back()) {
      row.output_loc = host_memory(instance_);
    }
    const bool per_sequence = layer == Layer::lm_head || layer == Layer::sampler;
    if (per_sequence && !settings_.fidelity.sampled_ids_of_all_tokens) {
      const TensorSizes sizes =
          tensor_sizes(model_, layer, shape.lm_head_len, 0, instance_.tp, instance_.fp());
      row.input_size = sizes.input;
      row.output_size = sizes.output;
    }
    outer_energy(row, row.weight_size);
  }
}

void TraceEmitter::pre_attention(const BatchShape& shape, BatchTag tag, std::int64_t block) {
  for (const Layer layer : pre_attn_) {
    block_row(shape, tag, block, layer);
  }
}

void TraceEmitter::post_attention(const BatchShape& shape, BatchTag tag, std::int64_t block) {
  for (const Layer layer : post_attn_) {
    block_row(shape, tag, block, layer);
  }
  for (const Layer layer : mlp_) {
    layer == Layer::moe ? expert_rows(shape, tag, block) : block_row(shape, tag, block, layer);
  }
}

void TraceEmitter::block_row(const BatchShape& shape, BatchTag tag, std::int64_t block,
                             Layer layer) {
  if (layer == Layer::attention) {
    return attention_rows(shape, tag, block);
  }
  TraceRow& row = plain_row(shape, tag, block, layer);
  if (adapted_.tokens > 0) {
    row.comp_time += settings_.lora->time(layer, adapted_);
  }
  const bool reduces = layer == Layer::o_proj || layer == Layer::down_proj;
  if (reduces && instance_.tp > 1) {
    row.comm = CollectiveKind::all_reduce;
    row.comm_mask = instance_.tp_mask;
    row.comm_size = row.output_size;
    if (settings_.all_reduce) {
      row.comm_time = settings_.all_reduce->time(row.comm_size);
    }
  } else if (layer == Layer::qkv_proj && instance_.pd == PdType::prefill && shape.pd_tokens > 0) {
    row.comm_size = Bytes{2 * rank_model_.kv_dim() * shape.pd_tokens * instance_.kv_fp() /
                          std::max<std::int64_t>(instance_.tp, 1)};
  }
  if (energy_ != nullptr) {
    if (row.weight_loc.tier != MemoryTier::local) {
      record_.add_dram(row.weight_size);
    }
    record_.add_comm(row.comm, row.comm_size, instance_.tp);
    record_.add_npu(row.comp_time);
  }
}

void TraceEmitter::attention_rows(const BatchShape& shape, BatchTag tag, std::int64_t block) {
  if (pim_ != nullptr) {
    pim_rows(shape, tag, block);
  }
  if (shape.attention.prefill_chunk == 0 && shape.attention.n_decode == 0) {
    return;
  }
  const TraceRow& row = plain_row(shape, tag, block, Layer::attention);
  if (energy_ != nullptr) {  // attention has no weights and no collective
    record_.add_npu(row.comp_time);
  }
}

void TraceEmitter::book_blocks() {
  if (energy_ != nullptr) {
    record_.book(*energy_, copies_);
    record_.clear();
  }
}

}  // namespace lockstep
