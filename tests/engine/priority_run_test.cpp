// Whole runs under the priority policy.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "engine/quiet_run.hpp"

namespace lockstep::testing {
namespace {

RunOptions by_priority(RunOptions options) {
  options.features.queue_policy = QueuePolicy::priority;
  return options;
}

RC_GTEST_PROP(PriorityRun, EqualPrioritiesAreFirstComeFirstServed, ()) {
  const ToyCluster toy = testing::random_cluster();
  const Calls drawn = testing::random_calls(*rc::gen::element(false, true));
  Workload workload = drawn.workload();
  const std::int64_t priority = *rc::gen::inRange(-2, 3);
  for (WorkloadRequest& request : workload.requests) {
    request.priority = priority;
  }
  const Calls calls(std::move(workload));
  RunOptions options = options_for(*rc::gen::element(Fidelity::reference, Fidelity::vllm), true);
  options.block_size = *rc::gen::element(1, 4, 16);
  if (*rc::gen::element(false, true)) {
    options.num_gpu_blocks_override =
        *rc::gen::inRange<std::int64_t>(290, 500) / options.block_size + 2;
  }
  QuietRun want;
  try {
    want = quiet_run(toy, calls, options);
  } catch (const UserError&) {
    RC_DISCARD("the model or a request has no room");
  }
  RC_CLASSIFY(want.preempted > 0, "somebody was preempted");
  RC_ASSERT(quiet_run(toy, calls, by_priority(options)).told == want.told);
}

Calls urgent_last() {
  Calls calls;
  for (int k = 0; k < 6; ++k) {
    WorkloadRequest request;
    request.input_toks = 200;
    request.output_toks = 40;
    request.arrival = Nanos{k};
    request.priority = -k;
    calls.add(std::move(request));
  }
  return calls;
}

/// Of prefill and decode instances too.
TEST(PriorityRun, TheUrgentAreServedFirst) {
  for (const bool apart : {false, true}) {
    Replica one = replica_of("toy/dense");
    one.more = R"("max_num_seqs":2,"enable_prefix_caching":false)";
    ToyCluster toy(apart ? 2 : 1, one);
    if (apart) {
      toy.replicas[0].pd = "prefill";
      toy.replicas[1].pd = "decode";
      toy.replicas[1].more = R"("num_gpu_blocks":16,"enable_prefix_caching":false)";
    }
    const Calls calls = urgent_last();
    RunOptions options = round_robin();
    options.fidelity = Fidelity::vllm;
    const Outcome outcome = run_toy(toy, calls, by_priority(options));
    expect_sound(outcome, calls);
    const std::vector<Request> served = outcome.by_id();
    EXPECT_LT(served[5].end_time, served[3].end_time);
    EXPECT_LT(served[4].end_time, served[2].end_time);
    const std::vector<Request> in_order = run_toy(toy, calls, options).by_id();
    EXPECT_GT(in_order[5].end_time, in_order[3].end_time);
  }
}

}  // namespace
}  // namespace lockstep::testing
