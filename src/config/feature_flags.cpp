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
  };
}

}  // namespace lockstep
