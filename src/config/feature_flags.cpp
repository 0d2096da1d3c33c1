#include "config/feature_flags.hpp"

#include <string>

#include "config/feature_settings.hpp"
#include "config/flag_setters.hpp"

namespace lockstep {
namespace {

template <class Part>
flag_setters::Setter store_in(Part ServingFeatures::*part, std::int64_t Part::*member) {
  return [=](RunOptions& o, const std::string&, std::int64_t n, double) {
    (o.features.*part).*member = n;
  };
}
template <class Part>
flag_setters::Setter store_in(Part ServingFeatures::*part, double Part::*member) {
  return [=](RunOptions& o, const std::string&, std::int64_t, double x) {
    (o.features.*part).*member = x;
  };
}

}  // namespace

std::vector<Flag> make_feature_flags() {
  using K = FlagKind;
  constexpr FlagGroup kGroup = FlagGroup::lockstep;
  return {
      {"--scheduling-policy",
       K::choice,
       kGroup,
       "",
       "order of the waiting requests, and who is preempted: by arrival, or by the workload's "
       "priority (lower first) and then by arrival (default: fcfs)",
       {"fcfs", "priority"},
       [](RunOptions& o, const std::string& text, std::int64_t, double) {
         o.features.queue_policy = *queue_policy_from(text);
       }},
      {"--step-policy",
       K::choice,
       kGroup,
       "",
       "which requests share a step: decodes and prompts; prompts alone while one can be computed; "
       "or decodes alone while somebody decodes (default: mixed)",
       {"mixed", "prefill-first", "decode-first"},
       [](RunOptions& o, const std::string& text, std::int64_t, double) {
         o.features.step_policy = *step_policy_from(text);
       }},
      {"--speculative-tokens",
       K::integer,
       kGroup,
       "N",
       "speculative decoding: tokens that a draft model proposes to each decoding request a step "
       "(default: 0, off)",
       {},
       store_in(&ServingFeatures::speculation, &Speculation::tokens)},
      {"--acceptance-rate",
       K::real,
       kGroup,
       "P",
       "chance that a proposed token is accepted if all before it were, 0 to 1",
       {},
       store_in(&ServingFeatures::speculation, &Speculation::acceptance)},
      {"--draft-cost-us",
       K::real,
       kGroup,
       "US",
       "microseconds of one pass of the draft model, of which a step has one a proposed token "
       "(default: 0)",
       {},
       store_in(&ServingFeatures::speculation, &Speculation::draft_micros)},
      {"--speculative-seed",
       K::integer,
       kGroup,
       "N",
       "seed of what is accepted (default: 0)",
       {},
       store_in(&ServingFeatures::speculation, &Speculation::seed)},
      {"--max-loras",
       K::integer,
       kGroup,
       "N",
       "adapters of low rank that a step may hold different ones of; their memory is taken from "
       "the KV cache (default: 0, no adapters)",
       {},
       store_in(&ServingFeatures::lora, &LoraSettings::max_loras)},
      {"--max-lora-rank",
       K::integer,
       kGroup,
       "R",
       "rank that all adapters are padded to (default: 16)",
       {},
       store_in(&ServingFeatures::lora, &LoraSettings::max_rank)},
      {"--lora-load-bandwidth",
       K::real,
       kGroup,
       "GB/S",
       "at which an adapter that is not on the NPU comes from the host, before the step; 0: at "
       "once (default: 0)",
       {},
       store_in(&ServingFeatures::lora, &LoraSettings::load_bandwidth)},
  };
}

}  // namespace lockstep
