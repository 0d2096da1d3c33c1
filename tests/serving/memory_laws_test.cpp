// What more KV memory does to preemptions: less is not promised, none is where everybody fits.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <vector>

#include "one_npu.hpp"

namespace lockstep::testing {
namespace {

struct Asked {
  std::int64_t arrival, input, output;
};

/// Steps of one nanosecond till everybody is served.
std::int64_t preemptions_with(std::int64_t blocks, std::int64_t block_size,
                              const std::vector<Asked>& asked, bool reserve) {
  OneNpu one(blocks, 23);
  one.instance.block_size = block_size;
  one.instance.reserve_full_isl = reserve;
  for (const Asked& each : asked) {
    one.requests.add(each.input, each.output, each.arrival);
  }
  std::int64_t left = std::ssize(asked);
  for (std::int64_t now = 0, batch = 0; left > 0 && now < 10'000; ++now) {
    for (Request& request : one.requests.all()) {
      if (request.arrival == Nanos{now}) {
        one.scheduler().add_request(request);
      }
    }
    if (one.schedule(now) != nullptr) {
      left -= std::ssize(one.finish(batch++, now).ended);
    }
  }
  EXPECT_EQ(left, 0);
  return one.scheduler().num_preemptions();
}

/// One block more lets the second in at once, and then both grow into each other; with one less it
/// waits until the first is through.
TEST(MemoryLaws, MoreMemoryMayPreemptMore) {
  const std::vector<Asked> asked{{4, 7, 8}, {9, 6, 8}};
  EXPECT_EQ(preemptions_with(8, 2, asked, false), 0);
  EXPECT_EQ(preemptions_with(9, 2, asked, false), 1);
  EXPECT_EQ(preemptions_with(15, 2, asked, false), 0);
}

RC_GTEST_PROP(MemoryLaws, WhereEverybodyFitsNobodyIsPreempted, ()) {
  const auto block_size = *rc::gen::inRange<std::int64_t>(1, 5);
  std::vector<Asked> asked(*rc::gen::inRange<std::size_t>(1, 7));
  std::int64_t blocks = 0;
  for (Asked& each : asked) {
    each = {*rc::gen::inRange<std::int64_t>(0, 20), *rc::gen::inRange<std::int64_t>(1, 30),
            *rc::gen::inRange<std::int64_t>(1, 20)};
    blocks += (each.input + each.output + block_size - 1) / block_size;
  }
  blocks += *rc::gen::inRange<std::int64_t>(0, 4);
  RC_ASSERT(preemptions_with(blocks, block_size, asked, *rc::gen::arbitrary<bool>()) == 0);
}

}  // namespace
}  // namespace lockstep::testing
