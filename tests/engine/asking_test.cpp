// Runs in which only NPUs with something new are asked, against runs in which all free ones are.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "base/error.hpp"
#include "engine/laws_fixture.hpp"
#include "engine/position_set.hpp"
#include "serving/load_index.hpp"

namespace lockstep {
namespace {

/// Counts the polls; asks for those that change nothing, or not.
class PollWatch final : public RunObserver {
public:
  explicit PollWatch(bool all) : all_(all) {}
  void on_poll(std::int32_t npu, std::int64_t iteration, Nanos now, PollAnswer answer) override {
    ++polls_;
    if (answer != PollAnswer::pass) {
      told_ += fmt::format("{} {} {} {}\n", npu, iteration, now.count(), static_cast<int>(answer));
    }
  }
  void on_heartbeat(const Heartbeat& beat) override {
    told_ += fmt::format("{} at {}:", beat.mark.count(), beat.now.count());
    for (const InstanceSnapshot& instance : beat.instances) {
      told_ +=
          fmt::format(" {} {} {}", instance.running, instance.waiting, instance.npu_used.count());
    }
    told_ += "\n";
  }
  [[nodiscard]] bool wants_steps() const override { return true; }
  [[nodiscard]] bool wants_polls() const override { return all_; }
  [[nodiscard]] std::int64_t polls() const { return polls_; }
  [[nodiscard]] const std::string& told() const { return told_; }

private:
  bool all_;
  std::int64_t polls_ = 0;
  std::string told_;
};

struct Watched {
  std::string told;
  std::int64_t polls = 0;
  std::int64_t rounds = 0;  ///< of polls
  std::int64_t steps = 0;
};

Watched watch(const testing::ToyCluster& toy, const testing::Calls& calls,
              const RunOptions& options, bool all) {
  const Cluster cluster =
      parse_cluster(toy.json(), "toy.json", options, testing::ToyModels::paths());
  KernelTimeLibrary library(PerfSources{});
  PollWatch watch(all);
  Simulation simulation(cluster, options, &calls.workload(), library, watch);
  testing::Outcome outcome;
  std::int64_t rounds = 1;
  while (simulation.advance()) {
    ++rounds;
  }
  outcome.result = simulation.finish();
  for (const auto& list : outcome.result.done) {
    auto& copies = outcome.done.emplace_back();
    for (const Request* request : list) {
      copies.push_back(*request);
    }
  }
  return {testing::results(outcome) + fmt::format("{} ns\n", outcome.result.total_clocks.count()) +
              watch.told(),
          watch.polls(), rounds, outcome.result.steps};
}

testing::Calls random_calls() {
  testing::Calls calls;
  const auto count = *rc::gen::inRange(1, 16);
  std::int64_t arrival = 0;
  for (int i = 0; i < count; ++i) {
    arrival += *rc::gen::element<std::int64_t>(0, 20'000, 700'000, 9'000'000);
    const auto input = *rc::gen::inRange<std::int64_t>(1, 200);
    const auto output = *rc::gen::inRange<std::int64_t>(1, 20);
    if (*rc::gen::inRange(0, 4) == 0) {
      calls.session(arrival, *rc::gen::inRange(1, 4), input, output,
                    *rc::gen::element<std::int64_t>(0, 400'000));
    } else {
      calls.add(arrival, input, output);
    }
  }
  return calls;
}

/// Instances by themselves, groups, prompt and decode instances, pipelines, asynchronous steps.
testing::ToyCluster random_fleet() {
  const auto kind = *rc::gen::inRange(0, 4);
  const int tp = *rc::gen::element(1, 1, 2);
  const int pp = *rc::gen::element(1, 1, 2);
  const std::string model = kind == 1 ? "toy/moe" : "toy/dense";
  testing::Replica replica = testing::replica_of(model, tp, pp, kind == 1 ? 0 : 1);
  replica.more = fmt::format(R"("max_num_seqs":{})", *rc::gen::element(256, 3));
  if (kind == 1) {
    replica.group = "A";
    replica.ep = tp * 2;
    return {2, replica};
  }
  testing::ToyCluster toy(*rc::gen::element<std::size_t>(1, 2, 3, 7), replica);
  if (kind == 2) {
    testing::Replica prompts = replica;
    prompts.pd = "prefill";
    testing::Replica decodes = replica;
    decodes.pd = "decode";
    toy.replicas = {prompts, decodes, decodes};
  }
  return toy;
}

RC_GTEST_PROP(Asking, WhoIsLeftOutWouldHaveSaidNothing, ()) {
  const testing::ToyCluster toy = random_fleet();
  const testing::Calls calls = random_calls();
  RunOptions options = testing::round_robin();
  options.fidelity = *rc::gen::element(Fidelity::reference, Fidelity::vllm);
  options.request_routing_policy =
      *rc::gen::element(RoutingPolicy::round_robin, RoutingPolicy::load, RoutingPolicy::random);
  options.log_interval = 0.002;
  options.enable_prefix_caching = *rc::gen::element(false, true);
  Watched want;
  try {
    want = watch(toy, calls, options, true);
  } catch (const UserError& error) {
    RC_LOG() << error.what() << toy.json();
    RC_DISCARD("the cluster is refused");
  }
  const Watched got = watch(toy, calls, options, false);
  RC_CLASSIFY(got.polls < want.polls, "somebody was left out");
  RC_LOG() << "got\n" << got.told << "want\n" << want.told << toy.json();
  RC_ASSERT(got.told == want.told);
}

/// A poll for a request that comes, for a program and for its end, however many others are idle.
TEST(Asking, PollsGrowWithTheWorkOnly) {
  testing::Calls calls;
  for (int i = 0; i < 60; ++i) {
    calls.add(1'000'000 * i, 64, 8);
  }
  RunOptions options = testing::round_robin();
  options.fidelity = Fidelity::vllm;
  const auto polls = [&](std::size_t instances, bool all) {
    return watch({instances, testing::replica_of("toy/dense")}, calls, options, all).polls;
  };
  const std::int64_t few = polls(60, false);
  EXPECT_LT(few, 60 * 8 * 3);
  EXPECT_GT(polls(60, true), 10 * few);
}

/// Under the reference's rules everybody free may hear of something at every event of anybody. One
/// round for an end of a step, one for an arrival: none after a launch, which is news to nobody.
TEST(Asking, NoRoundWhereNobodyHasNews) {
  testing::Calls calls;
  for (int i = 0; i < 60; ++i) {
    calls.add(1'000'000 * i, 64, 8);
  }
  RunOptions options = testing::round_robin();
  options.fidelity = Fidelity::reference;
  const Watched run = watch({6, testing::replica_of("toy/dense")}, calls, options, false);
  EXPECT_GE(run.steps, 60 * 8);
  EXPECT_LT(10 * run.rounds, 13 * run.steps) << run.rounds << " rounds, " << run.steps << " steps";
}

RC_GTEST_PROP(PositionSet, AsASetOfNumbers, ()) {
  const auto bound = *rc::gen::element<std::size_t>(1, 63, 64, 65, 4096, 4097, 300'000);
  PositionSet fast(bound);
  std::set<std::size_t> slow;
  for (auto n = *rc::gen::inRange(0, 200); n > 0; --n) {
    const std::size_t number = *rc::gen::inRange<std::size_t>(0, bound);
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        fast.erase(number);
        slow.erase(number);
        break;
      default:
        fast.insert(number);
        slow.insert(number);
    }
    const std::size_t from = *rc::gen::inRange<std::size_t>(0, bound + 1);
    const auto next = slow.lower_bound(from);
    RC_ASSERT(fast.has(number) == slow.contains(number));
    RC_ASSERT(std::min(fast.next(from), bound) == (next == slow.end() ? bound : *next));
  }
}

}  // namespace
}  // namespace lockstep
