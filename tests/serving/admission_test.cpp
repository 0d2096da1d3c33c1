// A caller's policy decides who enters.
#include "serving/admission_policy.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>
#include <utility>

#include "base/error.hpp"
#include "one_npu.hpp"

namespace lockstep::testing {
namespace {

using Waiting = std::span<const Request* const>;
using Places = std::vector<std::size_t>;

class Answers final : public AdmissionPolicy {
public:
  explicit Answers(std::function<Places(Waiting)> answer) : answer_(std::move(answer)) {}
  Places choose(const Scheduler& /*scheduler*/, Nanos /*now*/, Waiting waiting) override {
    return answer_(waiting);
  }

private:
  std::function<Places(Waiting)> answer_;
};

Places everybody(Waiting waiting) {
  Places places(waiting.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  return places;
}

TEST(Admission, TheAnswersOrderIsTheBatchsOrder) {
  OneNpu npu(100);
  Answers last_first([](Waiting waiting) {
    Places places;
    for (std::size_t i = waiting.size(); i-- > 0;) {
      places.push_back(i);
    }
    return places;
  });
  npu.scheduler().decide_by(&last_first);
  for (const std::int64_t arrival : {0, 1, 2, 90}) {
    npu.scheduler().add_request(npu.requests.add(4, 2, arrival));
  }
  EXPECT_EQ(text(npu.schedule(5)), "r2 4@0, r1 4@0, r0 4@0");  // the fourth has not arrived
  EXPECT_EQ(npu.scheduler().num_waiting(), 1U);
}

TEST(Admission, AnAdapterTooManyIsPassedOver) {
  OneNpu npu(100);
  npu.instance.features.lora.max_loras = 1;
  Answers all(everybody);
  npu.scheduler().decide_by(&all);
  for (const std::int32_t adapter : {0, 1, 0}) {
    Request& request = npu.requests.add(4, 2);
    request.lora = adapter;
    npu.scheduler().add_request(request);
  }
  EXPECT_EQ(text(npu.schedule(0)), "r0 4@0, r2 4@0");
}

TEST(Admission, WhoIsNotNamedWaitsOnInItsPlace) {
  OneNpu npu(100);
  Places next{1};
  Answers chosen([&](Waiting) { return next; });
  npu.scheduler().decide_by(&chosen);
  for (int i = 0; i < 3; ++i) {
    npu.scheduler().add_request(npu.requests.add(4, 3, i));
  }
  EXPECT_EQ(text(npu.schedule(5)), "r1 4@0");
  ASSERT_EQ(npu.scheduler().waiting().size(), 2U);
  EXPECT_EQ(npu.scheduler().waiting()[0]->id, 0);
  EXPECT_EQ(npu.scheduler().waiting()[1]->id, 2);
  npu.finish(0, 10);
  next = {};
  EXPECT_EQ(text(npu.schedule(10)), "r1 1@4");
}

TEST(Admission, TheFirstWithoutRoomEndsTheStep) {
  OneNpu npu(4);  // 16 tokens
  Answers chosen([](Waiting) { return Places{0, 2, 1}; });
  npu.scheduler().decide_by(&chosen);
  npu.scheduler().add_request(npu.requests.add(8, 1, 0));
  npu.scheduler().add_request(npu.requests.add(4, 1, 1));
  npu.scheduler().add_request(npu.requests.add(12, 1, 2));
  EXPECT_EQ(text(npu.schedule(5)), "r0 8@0");
}

TEST(Admission, HoldingAllBackIsSaid) {
  OneNpu npu(100);
  Answers nobody([](Waiting) { return Places{}; });
  npu.scheduler().decide_by(&nobody);
  npu.scheduler().add_request(npu.requests.add(4, 2));
  EXPECT_EQ(npu.schedule(1), nullptr);
  EXPECT_EQ(npu.scheduler().blocked_reason(Nanos{1}),
            "the scheduling policy admits none of 1 waiting requests");
}

TEST(Admission, APolicyThatChangesItsMindIsAskedAgain) {
  OneNpu npu(100);
  Answers nobody([](Waiting) { return Places{}; });
  npu.scheduler().decide_by(&nobody);
  npu.scheduler().add_request(npu.requests.add(4, 2));
  EXPECT_EQ(npu.schedule(1), nullptr);
  EXPECT_TRUE(npu.scheduler().is_restless());
}

TEST(Admission, WhoIsNamedMayBeTooLargeAllTheSame) {
  OneNpu npu(100);
  npu.instance.enable_chunked_prefill = false;
  Answers first([](Waiting) { return Places{0}; });
  npu.scheduler().decide_by(&first);
  npu.scheduler().add_request(npu.requests.add(17, 1));
  EXPECT_EQ(npu.schedule(0), nullptr);
  EXPECT_NE(npu.scheduler().blocked_reason(Nanos{0}).value_or("").find("chunked prefill is off"),
            std::string::npos);
}

/// It may be an older request that a failed instance has lost.
TEST(Admission, WhoComesLaterWaitsBehindThePreempted) {
  OneNpu npu(4);
  Answers all(everybody);
  npu.scheduler().decide_by(&all);
  npu.scheduler().add_request(npu.requests.add(7, 10, 1));
  npu.scheduler().add_request(npu.requests.add(7, 10, 1));
  for (std::int64_t step = 1; npu.scheduler().num_preemptions() == 0; ++step) {
    const Batch* batch = npu.schedule(step);
    ASSERT_NE(batch, nullptr);
    npu.finish(batch->id, step);
  }
  npu.scheduler().add_request(npu.requests.add(4, 1, 0));
  static_cast<void>(npu.schedule(90));
  ASSERT_EQ(npu.scheduler().waiting().size(), 2U);
  EXPECT_EQ(npu.scheduler().waiting()[0]->id, 1);
  EXPECT_EQ(npu.scheduler().waiting()[1]->id, 2);
}

TEST(Admission, WrongPlacesAreRefused) {
  for (const Places& places : {Places{2}, Places{0, 0}}) {
    OneNpu npu(100);
    Answers wrong([&](Waiting) { return places; });
    npu.scheduler().decide_by(&wrong);
    npu.scheduler().add_request(npu.requests.add(4, 2));
    npu.scheduler().add_request(npu.requests.add(4, 2));
    EXPECT_THROW((void)npu.schedule(1), UserError);
  }
}

}  // namespace
}  // namespace lockstep::testing
