#include "explain/cause.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>

#include "iteration/trace.hpp"
#include "model/layer.hpp"

namespace lockstep {
namespace {

struct Names {
  std::string_view key, text;
};

constexpr std::array<Names, kCauses> kNames{{
    {"attention", "attention"},
    {"experts", "experts"},
    {"dense", "dense layers"},
    {"norms", "norms, rotary embedding"},
    {"head", "embedding, logits, sampler"},
    {"drafts", "draft model"},
    {"adapters", "loading adapters"},
    {"in_memory", "computing in memory"},
    {"padding", "padding of the wave"},
    {"collective", "collective"},
    {"exchange", "collective, between phases"},
    {"members", "waiting in a collective for other members"},
    {"npus", "waiting in a collective for own NPUs"},
    {"transfer", "messages between NPUs"},
    {"tier_load", "KV from a lower tier"},
    {"memory_load", "loads from slower memory"},
    {"memory_store", "stores to slower memory"},
    {"pipeline", "behind another batch in the pipeline"},
    {"step_other", "step, nothing in hand"},
    {"running_step", "waiting for the running step"},
    {"queue", "queue"},
    {"wave", "waiting for other members to form the wave"},
    {"between", "between steps"},
    {"preempted", "preempted"},
    {"handover", "hand-over to the decode instance"},
    {"recompute", "recomputing after a preemption"},
}};

const Names& names_of(Cause cause) {
  return kNames[static_cast<std::size_t>(cause)];
}

/// Rows of described models are named for their operations, in the words of `src/steps`.
Cause cause_of_operation(std::string_view row) {
  struct Word {
    std::string_view part;
    Cause cause;
  };
  static constexpr std::array<Word, 14> kWords{{{"attention_all_reduce", Cause::exchange},
                                                {"attention_norm", Cause::norms},
                                                {"attention", Cause::attention},
                                                {"delta_rule", Cause::attention},
                                                {"state_update", Cause::attention},
                                                {"index_s", Cause::attention},
                                                {"absorbed", Cause::attention},
                                                {"experts", Cause::experts},
                                                {"final_norm", Cause::head},
                                                {"output_head", Cause::head},
                                                {"sampling", Cause::head},
                                                {"norm", Cause::norms},
                                                {"rotary", Cause::norms},
                                                {"host", Cause::step_other}}};
  for (const Word& word : kWords) {
    if (row.find(word.part) != std::string_view::npos) {
      return word.cause;
    }
  }
  return Cause::dense;
}

Cause cause_of_row(std::string_view row) {
  if (row == kDraftRow) {
    return Cause::drafts;
  }
  if (row == kLoraLoadRow) {
    return Cause::adapters;
  }
  const std::optional<Layer> layer = layer_from_name(row);
  if (!layer) {  // slots of experts have names of their own
    return row.empty() || row == "expert" ? Cause::experts : cause_of_operation(row);
  }
  switch (*layer) {
    case Layer::attention:
      return Cause::attention;
    case Layer::moe:
      return Cause::experts;
    case Layer::qkv_proj:
    case Layer::o_proj:
    case Layer::gate_up_proj:
    case Layer::act_fn:
    case Layer::down_proj:
      return Cause::dense;
    case Layer::layernorm:
    case Layer::input_layernorm:
    case Layer::post_layernorm:
    case Layer::qk_norm:
    case Layer::rotary_emb:
      return Cause::norms;
    case Layer::embedding:
    case Layer::final_layernorm:
    case Layer::lm_head:
    case Layer::sampler:
      return Cause::head;
  }
  return Cause::dense;
}

}  // namespace

std::string part_name(const Part& part) {
  const std::string_view text = names_of(part.cause).text;
  if (part.cause != Cause::collective) {
    return std::string(text);
  }
  return part.dimension == Part::kAll ? fmt::format("{}, all dimensions", text)
                                      : fmt::format("{}, dimension {}", text, part.dimension);
}

std::string part_key(const Part& part) {
  const std::string_view key = names_of(part.cause).key;
  if (part.cause != Cause::collective) {
    return std::string(key);
  }
  return part.dimension == Part::kAll ? fmt::format("{}_all", key)
                                      : fmt::format("{}_{}", key, part.dimension);
}

Cause cause_of(const GraphNode& node, std::string_view row) {
  switch (node.kind) {
    case NodeKind::compute:
      return cause_of_row(row);
    case NodeKind::pim:
      return Cause::in_memory;
    case NodeKind::collective:
      return Cause::exchange;
    case NodeKind::send:
    case NodeKind::recv:
      return Cause::transfer;
    case NodeKind::mem_load:
      return node.row < 0 ? Cause::tier_load : Cause::memory_load;
    case NodeKind::mem_store:
      return Cause::memory_store;
  }
  return Cause::step_other;
}

}  // namespace lockstep
