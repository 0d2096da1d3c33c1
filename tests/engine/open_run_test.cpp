// A run whose requests come while it goes on does what a run that knows them beforehand does.
#include <gtest/gtest.h>

#include <deque>

#include "base/random.hpp"
#include "engine/laws_fixture.hpp"

namespace lockstep::testing {
namespace {

struct Case {
  const char* name;
  ToyCluster toy;
  Fidelity fidelity;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    all.push_back({"one", ToyCluster(1, replica_of("toy/dense", 2, 1, 1)), fidelity});
    all.push_back({"two apart", ToyCluster(2, replica_of("toy/dense", 1, 1, 1)), fidelity});
    all.push_back({"pipeline", ToyCluster(1, replica_of("toy/dense", 1, 2, 1)), fidelity});
    Replica member = replica_of("toy/moe", 1, 1, 2);
    member.group = "A";
    all.push_back({"wave", ToyCluster(2, member), fidelity});
    ToyCluster handoff(2, replica_of("toy/dense", 1, 1, 1));
    handoff.replicas[0].pd = "prefill";
    handoff.replicas[1].pd = "decode";
    all.push_back({"handoff", handoff, fidelity});
  }
  return all;
}

RunOptions options_of(const Case& one) {
  RunOptions options = round_robin();
  options.fidelity = one.fidelity;
  return options;
}

Calls random_calls(MersenneTwister& random) {
  Calls calls;
  std::int64_t arrival = 0;
  for (int i = 0; i < 40; ++i) {
    // Bursts and pauses that outlast the work.
    arrival += random.below(4) == 0 ? static_cast<std::int64_t>(random.below(3'000'000'000))
                                    : static_cast<std::int64_t>(random.below(2'000'000));
    calls.add(arrival, 1 + static_cast<std::int64_t>(random.below(300)),
              1 + static_cast<std::int64_t>(random.below(30)));
  }
  return calls;
}

/// Requests arrive at their times; the clock is looked at now and then.
class OpenRun {
public:
  OpenRun(const ToyCluster& toy, const RunOptions& options)
      : options_(options),
        cluster_(parse_cluster(toy.json(), "toy.json", options_, ToyModels::paths())),
        simulation_(cluster_, options_, &nobody_, library_, observer_) {
    simulation_.keep_open();
  }

  Request& submit(const WorkloadRequest& call) {
    Request& request = requests_.emplace_back(make_request(call, Prompts::computed));
    simulation_.submit(request);
    return request;
  }
  void go_to(Nanos limit) {
    while (simulation_.advance_within(limit)) {
      EXPECT_LE(simulation_.now(), limit);
    }
  }
  [[nodiscard]] Simulation& simulation() { return simulation_; }
  [[nodiscard]] const std::deque<Request>& requests() const { return requests_; }

private:
  RunOptions options_;
  Cluster cluster_;
  Workload nobody_;
  KernelTimeLibrary library_{PerfSources{}};
  RunObserver observer_;
  Simulation simulation_;
  std::deque<Request> requests_;
};

TEST(OpenRun, DoesWhatAClosedRunDoes) {
  MersenneTwister random = MersenneTwister::from_seed(7);
  for (const Case& one : cases()) {
    const Calls calls = random_calls(random);
    const std::vector<Request> known = run_toy(one.toy, calls, options_of(one)).by_id();
    OpenRun open(one.toy, options_of(one));
    const auto& asked = calls.workload().requests;
    std::size_t next = 0;
    for (Nanos now{0}; now < asked.back().arrival + Nanos{20'000'000'000};) {
      now += Nanos{1 + static_cast<std::int64_t>(random.below(40'000'000))};
      while (next < asked.size() && asked[next].arrival <= now) {
        open.submit(asked[next++]);
      }
      open.go_to(now);
    }
    ASSERT_EQ(open.requests().size(), known.size());
    for (std::size_t i = 0; i < known.size(); ++i) {
      const Request& seen = open.requests()[i];
      EXPECT_EQ(seen.end_time, known[i].end_time) << one.name << " request " << i;
      EXPECT_EQ(seen.ttft, known[i].ttft) << one.name << " request " << i;
      EXPECT_EQ(seen.queuing_delay, known[i].queuing_delay) << one.name << " request " << i;
      EXPECT_EQ(seen.itl, known[i].itl) << one.name << " request " << i;
    }
  }
}

TEST(OpenRun, NothingIsDueUntilSomebodyComes) {
  OpenRun open(ToyCluster(1, replica_of("toy/dense", 1, 1, 1)), round_robin());
  EXPECT_FALSE(open.simulation().next_time());
  open.go_to(Nanos{5'000'000'000});
  WorkloadRequest call;
  call.input_toks = 10;
  call.output_toks = 2;
  call.arrival = Nanos{5'000'000'001};
  const Request& request = open.submit(call);
  EXPECT_TRUE(open.simulation().next_time());
  open.go_to(Nanos{9'000'000'000});
  EXPECT_EQ(request.status, RequestStatus::finished);
}

TEST(OpenRun, WithdrawnRequestsLeaveNothingBehind) {
  for (const Case& one : cases()) {
    MersenneTwister random = MersenneTwister::from_seed(11);
    OpenRun open(one.toy, options_of(one));
    std::deque<WorkloadRequest> asked;
    std::vector<Request*> submitted;
    for (int i = 0; i < 60; ++i) {
      const Nanos now{1'000'000 * (i + 1)};
      WorkloadRequest& call = asked.emplace_back();
      call.id = i;
      call.input_toks = 1 + static_cast<std::int64_t>(random.below(600));
      call.output_toks = 1 + static_cast<std::int64_t>(random.below(60));
      call.arrival = now;
      submitted.push_back(&open.submit(call));
      open.go_to(now);
      Request& victim = *submitted[static_cast<std::size_t>(random.below(submitted.size()))];
      if (random.below(2) == 0 && victim.status != RequestStatus::finished) {
        open.simulation().withdraw(victim);
        victim.status = RequestStatus::finished;
      }
    }
    open.go_to(Nanos{60'000'000'000});
    for (std::size_t i = 0; i < open.simulation().num_instances(); ++i) {
      EXPECT_TRUE(open.simulation().scheduler(i).empty()) << one.name;
      EXPECT_EQ(open.simulation().scheduler(i).kv().blocks_in_use(), 0) << one.name;
    }
    for (const Request* request : submitted) {
      EXPECT_EQ(request->status, RequestStatus::finished) << one.name;
      EXPECT_EQ(request->num_in_flight, 0) << one.name;
    }
  }
}

}  // namespace
}  // namespace lockstep::testing
