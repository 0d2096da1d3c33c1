// Requests that can never be served are named instead of waited for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "one_npu.hpp"

namespace lockstep::testing {
namespace {

TEST(Blocked, SaysWhyTheQueueCanNeverMove) {
  OneNpu large(4);
  large.scheduler().add_request(large.requests.add(17, 1));
  EXPECT_EQ(large.schedule(0), nullptr);
  EXPECT_THAT(large.scheduler().blocked_reason(Nanos{0}).value_or(""),
              ::testing::AllOf(::testing::HasSubstr("request 0 needs 17 tokens"),
                               ::testing::HasSubstr("4 blocks")));

  OneNpu unsplit(100);
  unsplit.instance.enable_chunked_prefill = false;
  unsplit.scheduler().add_request(unsplit.requests.add(17, 1));
  EXPECT_EQ(unsplit.schedule(0), nullptr);
  EXPECT_THAT(unsplit.scheduler().blocked_reason(Nanos{0}).value_or(""),
              ::testing::HasSubstr("chunked prefill is off"));

  OneNpu fine(100);
  EXPECT_FALSE(fine.scheduler().blocked_reason(Nanos{0}));
  fine.scheduler().add_request(fine.requests.add(17, 1, 5));
  EXPECT_FALSE(fine.scheduler().blocked_reason(Nanos{0}));
  fine.schedule(5);
  EXPECT_FALSE(fine.scheduler().blocked_reason(Nanos{5}));
}

TEST(Blocked, NobodyIsWhileSomeoneRuns) {
  OneNpu npu(4);
  npu.scheduler().add_request(npu.requests.add(8, 10));
  npu.scheduler().add_request(npu.requests.add(12, 1));
  EXPECT_EQ(text(npu.schedule(0)), "r0 8@0");
  npu.finish(0, 1);
  EXPECT_FALSE(npu.scheduler().blocked_reason(Nanos{1}));
}

TEST(Blocked, WhoWasRefusedByMemoryIsAskedNoMore) {
  OneNpu npu(4);
  npu.scheduler().add_request(npu.requests.add(17, 1));
  EXPECT_EQ(npu.schedule(0), nullptr);
  EXPECT_FALSE(npu.scheduler().is_restless());
}

TEST(Blocked, SaysWhenARequestGrowsPastThePool) {
  for (const bool reserve : {true, false}) {
    OneNpu npu(4);
    npu.instance.reserve_full_isl = reserve;
    npu.scheduler().add_request(npu.requests.add(14, 20));
    std::optional<std::string> reason;
    for (std::int64_t step = 0; step < 100 && !reason; ++step) {
      const Batch* batch = npu.schedule(step);
      if (batch == nullptr) {
        reason = npu.scheduler().blocked_reason(Nanos{step});
      } else {
        npu.finish(batch->id, step + 1);
      }
    }
    EXPECT_THAT(reason.value_or(""), ::testing::HasSubstr("request 0 needs"));
  }
}

}  // namespace
}  // namespace lockstep::testing
