// Which requests share a step.
#include <gtest/gtest.h>

#include "one_npu.hpp"

namespace lockstep::testing {
namespace {

constexpr std::int64_t kManyBlocks = 100;

OneNpu under_policy(StepPolicy policy, std::int64_t budget = 8) {
  OneNpu npu(kManyBlocks, budget);
  npu.instance.features.step_policy = policy;
  return npu;
}

/// The steps of these requests (prompt, output, arrival = step) until all have ended.
std::string steps_of(OneNpu& npu, const std::vector<std::array<std::int64_t, 3>>& asked) {
  for (const auto& [input, output, arrival] : asked) {
    npu.requests.add(input, output, arrival);
  }
  std::string line;
  for (std::int64_t now = 0; now < 50; ++now) {
    for (Request& request : npu.requests.all()) {
      if (request.arrival == Nanos{now}) {
        npu.scheduler().add_request(request);
      }
    }
    if (Batch* batch = npu.schedule(now)) {
      line += (line.empty() ? "" : "; ") + text(batch);
      npu.finish(batch->id, now + 1);
    }
  }
  EXPECT_EQ(npu.scheduler().done().size(), asked.size());
  return line;
}

/// One decodes when another arrives whose prompt takes two steps.
TEST(StepPolicy, MixedIsTheEngines) {
  OneNpu npu = under_policy(StepPolicy::mixed);
  EXPECT_EQ(steps_of(npu, {{4, 4, 0}, {12, 2, 1}}),
            "r0 4@0; r0 1@4, r1 7@0; r0 1@5, r1 5@7; r0 1@6, r1 1@12");
}

TEST(StepPolicy, PrefillFirstLetsDecodesWait) {
  OneNpu npu = under_policy(StepPolicy::prefill_first);
  EXPECT_EQ(steps_of(npu, {{4, 4, 0}, {12, 2, 1}}),
            "r0 4@0; r1 8@0; r1 4@8; r0 1@4, r1 1@12; r0 1@5; r0 1@6");
}

TEST(StepPolicy, DecodeFirstLetsPromptsWait) {
  OneNpu npu = under_policy(StepPolicy::decode_first);
  EXPECT_EQ(steps_of(npu, {{4, 4, 0}, {12, 2, 1}}),
            "r0 4@0; r0 1@4; r0 1@5; r0 1@6; r1 8@0; r1 4@8; r1 1@12");
}

/// A prompt that has begun waits as well.
TEST(StepPolicy, DecodeFirstStopsABegunPrompt) {
  OneNpu npu = under_policy(StepPolicy::decode_first);
  EXPECT_EQ(steps_of(npu, {{4, 3, 0}, {12, 1, 0}}), "r0 4@0, r1 4@0; r0 1@4; r0 1@5; r1 8@4");
}

/// Somebody waits but has no room: then decodes go on.
TEST(StepPolicy, PrefillFirstDecodesWhenNoPromptHasRoom) {
  OneNpu npu = under_policy(StepPolicy::prefill_first);
  npu.instance.max_num_seqs = 1;
  EXPECT_EQ(steps_of(npu, {{4, 3, 0}, {4, 1, 1}}), "r0 4@0; r0 1@4; r0 1@5; r1 4@0");
}

/// What was lost is computed again like a prompt.
TEST(StepPolicy, APreemptedRequestComesBackAsAPrompt) {
  for (const StepPolicy policy : {StepPolicy::prefill_first, StepPolicy::decode_first}) {
    OneNpu npu(4, 16);
    npu.instance.features.step_policy = policy;
    const std::string line = steps_of(npu, {{7, 6, 0}, {7, 6, 0}});
    EXPECT_EQ(npu.scheduler().num_preemptions(), 1);
    EXPECT_NE(line.find("; r1 9@0; r1 1@9"), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace lockstep::testing
