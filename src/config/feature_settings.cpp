#include "config/feature_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/numeric.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

/// One of a few names.
template <class Value>
void read_name(const JsonView& view, std::string_view key, std::string_view names,
               std::optional<Value> (*from)(std::string_view), Value& value) {
  const auto own = view.find(key);
  if (!own) {
    return;
  }
  const std::string name = own->text();
  const auto known = from(name);
  if (!known) {
    own->fail(fmt::format("{} is '{}'", key, name), fmt::format("use {}", names));
  }
  value = *known;
}

constexpr std::int64_t kMostDrafts = 1024;
constexpr double kMostMicros = 1e9;

/// An instance's key over the flag's value. Gives where it comes from.
template <class Value>
Where number(const JsonView& view, std::string_view key, const char* flag, Value& value) {
  const auto own = view.find(key);
  if (!own) {
    return {"", 0, flag};
  }
  if constexpr (std::is_integral_v<Value>) {
    value = own->integer();
  } else {
    value = own->number();
  }
  return own->where();
}

void read_speculation(const JsonView& view, Speculation& drafts) {
  const Where tokens = number(view, "speculative_tokens", "--speculative-tokens", drafts.tokens);
  const Where chance = number(view, "acceptance_rate", "--acceptance-rate", drafts.acceptance);
  const Where cost = number(view, "draft_cost_us", "--draft-cost-us", drafts.draft_micros);
  if (drafts.tokens < 0 || drafts.tokens > kMostDrafts) {
    throw UserError(fmt::format("{} tokens are to be proposed a step", drafts.tokens), tokens,
                    fmt::format("give a whole number from 0 (off) to {}", kMostDrafts));
  }
  if (drafts.on() && !(drafts.acceptance >= 0 && drafts.acceptance <= 1)) {
    throw UserError(drafts.acceptance == -1
                        ? "tokens are to be proposed, and nothing says how many are accepted"
                        : fmt::format("the acceptance rate is {}", float_text(drafts.acceptance)),
                    chance, "give the chance of a proposed token, from 0 to 1, such as 0.7");
  }
  if (!(drafts.draft_micros >= 0 && drafts.draft_micros <= kMostMicros)) {
    throw UserError(fmt::format("a draft takes {} us", float_text(drafts.draft_micros)), cost,
                    "give microseconds of one pass of the draft model, from 0 on");
  }
}

void check_speculation(const Instance& instance) {
  const auto refuse = [&](const char* other, const std::string& mend) {
    throw UserError(fmt::format("instance {} has speculative decoding (--speculative-tokens {}) "
                                "with {}",
                                instance.id, instance.features.speculation.tokens, other),
                    {"", 0, "--speculative-tokens"}, mend);
  };
  if (instance.pp > 1) {
    refuse("pipeline stages (pp_size above 1)", "use pp_size 1, or --speculative-tokens 0");
  }
  if (instance.enable_attn_offloading) {
    refuse("attention in memory (--enable-attn-offloading)", "leave one of them out");
  }
}

/// What the engine does with them: no steps ahead, and graphs for whole requests.
void speculate(const RunOptions& options, Instance& instance) {
  instance.terms.async_scheduling = false;
  if (options.fidelity == Fidelity::reference) {
    return;
  }
  const std::int64_t query = instance.features.speculation.tokens + 1;
  const std::int64_t sequences =
      instance.max_num_seqs > 0 ? instance.max_num_seqs * query : std::int64_t{0};
  std::vector<std::int64_t> sizes =
      default_capture_sizes(sequences, instance.max_num_batched_tokens);
  const std::int64_t most =
      std::min(sizes.back(), options.max_cudagraph_capture_size.value_or(sizes.back()));
  for (std::int64_t& size : sizes) {
    size = ceil_div(size, query) * query;
  }
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  std::erase_if(sizes, [most](std::int64_t size) { return size > most; });
  instance.capture_sizes = std::move(sizes);
}

constexpr std::int64_t kMostLoras = 1'000'000;
constexpr std::int64_t kMostRank = 4096;

void read_lora(const JsonView& view, const Instance& instance, LoraSettings& lora) {
  const Where count = number(view, "max_loras", "--max-loras", lora.max_loras);
  const Where rank = number(view, "max_lora_rank", "--max-lora-rank", lora.max_rank);
  const Where load =
      number(view, "lora_load_bandwidth", "--lora-load-bandwidth", lora.load_bandwidth);
  if (lora.max_loras < 0 || lora.max_loras > kMostLoras) {
    throw UserError(fmt::format("{} adapters are to share a step", lora.max_loras), count,
                    fmt::format("give a whole number from 0 (off) to {}", kMostLoras));
  }
  if (lora.max_rank < 0 || lora.max_rank > kMostRank) {
    throw UserError(fmt::format("the rank of adapters is {}", lora.max_rank), rank,
                    fmt::format("give a whole number from 0 to {}, such as 16", kMostRank));
  }
  if (!(lora.load_bandwidth >= 0)) {
    throw UserError(fmt::format("adapters come at {} GB/s", float_text(lora.load_bandwidth)), load,
                    "give GB/s from host to NPU, such as 25, or 0: loading takes no time");
  }
  if (lora.on() && instance.enable_attn_offloading) {
    throw UserError(fmt::format("instance {} has adapters (--max-loras {}) with attention in "
                                "memory (--enable-attn-offloading)",
                                instance.id, lora.max_loras),
                    {"", 0, "--max-loras"}, "leave one of them out");
  }
}

}  // namespace

std::optional<QueuePolicy> queue_policy_from(std::string_view name) {
  if (name == "fcfs") {
    return QueuePolicy::fcfs;
  }
  return name == "priority" ? std::optional(QueuePolicy::priority) : std::nullopt;
}

std::optional<StepPolicy> step_policy_from(std::string_view name) {
  if (name == "mixed") {
    return StepPolicy::mixed;
  }
  if (name == "prefill-first") {
    return StepPolicy::prefill_first;
  }
  return name == "decode-first" ? std::optional(StepPolicy::decode_first) : std::nullopt;
}

void read_features(const JsonView& view, const RunOptions& options, Instance& instance) {
  instance.features = options.features;
  read_name(view, "scheduling_policy", "fcfs or priority", queue_policy_from,
            instance.features.queue_policy);
  read_name(view, "step_policy", "mixed, prefill-first or decode-first", step_policy_from,
            instance.features.step_policy);
  read_speculation(view, instance.features.speculation);
  if (instance.pd == PdType::prefill) {
    instance.features.speculation = {};  // nobody decodes there
  }
  if (instance.features.speculation.on()) {
    check_speculation(instance);
    speculate(options, instance);
  }
  read_lora(view, instance, instance.features.lora);
}

}  // namespace lockstep
