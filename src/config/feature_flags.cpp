#include "config/feature_flags.hpp"

#include <string>

#include "config/feature_settings.hpp"

namespace lockstep {

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
       [](RunOptions& o, const std::string&, std::int64_t n, double) {
         o.features.speculation.tokens = n;
       }},
      {"--acceptance-rate",
       K::real,
       kGroup,
       "P",
       "chance that a proposed token is accepted if all before it were, 0 to 1",
       {},
       [](RunOptions& o, const std::string&, std::int64_t, double x) {
         o.features.speculation.acceptance = x;
       }},
      {"--draft-cost-us",
       K::real,
       kGroup,
       "US",
       "microseconds of one pass of the draft model, of which a step has one a proposed token "
       "(default: 0)",
       {},
       [](RunOptions& o, const std::string&, std::int64_t, double x) {
         o.features.speculation.draft_micros = x;
       }},
      {"--speculative-seed",
       K::integer,
       kGroup,
       "N",
       "seed of what is accepted (default: 0)",
       {},
       [](RunOptions& o, const std::string&, std::int64_t n, double) {
         o.features.speculation.seed = n;
       }},
      {"--max-loras",
       K::integer,
       kGroup,
       "N",
       "adapters of low rank that a step may hold different ones of; their memory is taken from "
       "the "
       "KV cache (default: 0, no adapters)",
       {},
       [](RunOptions& o, const std::string&, std::int64_t n, double) {
         o.features.lora.max_loras = n;
       }},
      {"--max-lora-rank",
       K::integer,
       kGroup,
       "R",
       "rank that all adapters are padded to (default: 16)",
       {},
       [](RunOptions& o, const std::string&, std::int64_t n, double) {
         o.features.lora.max_rank = n;
       }},
      {"--lora-load-bandwidth",
       K::real,
       kGroup,
       "GB/S",
       "at which an adapter that is not on the NPU comes from the host, before the step; 0: at "
       "once "
       "(default: 0)",
       {},
       [](RunOptions& o, const std::string&, std::int64_t, double x) {
         o.features.lora.load_bandwidth = x;
       }},
  };
}

}  // namespace lockstep
