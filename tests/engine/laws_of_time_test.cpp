// Laws of time: what comes back to the same moments, and what only stretches.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "engine/laws_fixture.hpp"

namespace lockstep::testing {
namespace {

/// Clusters of every kind of belonging together.
std::vector<ToyCluster> kinds_of_clusters() {
  Replica member = replica_of("toy/moe", 1, 1, 2);
  member.group = "A";
  ToyCluster handoff(2, replica_of("toy/dense"));
  handoff.replicas[0].pd = "prefill";
  handoff.replicas[1].pd = "decode";
  return {{1, replica_of("toy/dense")},
          {1, replica_of("toy/dense", 2, 2)},
          {3, replica_of("toy/dense")},
          {2, member},
          handoff};
}

Calls some_sessions(std::int64_t tool_time) {
  Calls calls;
  for (int k = 0; k < 3; ++k) {
    calls.session(300'000 * k, 3, 30 + 40 * k, 3 + k, tool_time);
  }
  calls.add(150'000, 70, 6);
  return calls;
}

/// A run's result as a workload: every request at the time at which it arrived.
Calls replayed(const Calls& calls, const Outcome& outcome) {
  Calls flat;
  const std::vector<Request> served = outcome.by_id();
  for (std::size_t i = 0; i < served.size(); ++i) {
    const WorkloadRequest& asked = calls.workload().requests[i];
    flat.add(served[i].arrival.count(), asked.input_toks, asked.output_toks);
  }
  return flat;
}

/// With no tool time at all it need not be: a call then comes at the very moment at which the one
/// before has ended, when the next step has been put together, and one known beforehand is in it.
TEST(Laws, ARunsOwnResultReplayedIsTheSameRun) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    for (const ToyCluster& toy : kinds_of_clusters()) {
      for (const std::int64_t tool_time : {250'000, 40'000'000}) {
        RunOptions options = round_robin();
        options.fidelity = fidelity;
        const Calls calls = some_sessions(tool_time);
        const Outcome closed = run_toy(toy, calls, options);
        const Outcome open = run_toy(toy, replayed(calls, closed), options);
        EXPECT_EQ(results(closed), results(open)) << toy.json() << tool_time;
        EXPECT_EQ(closed.batches, open.batches) << toy.json() << tool_time;
      }
    }
  }
}

TEST(Laws, NoToolTimeIsBackToBack) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    RunOptions options = round_robin();
    options.fidelity = fidelity;
    const Calls calls = some_sessions(0);
    const std::vector<Request> served = run_toy({}, calls, options).by_id();
    for (const WorkloadSession& session : calls.workload().sessions) {
      const auto first = static_cast<std::size_t>(session.first_request);
      for (std::size_t k = first + 1; k < first + 3; ++k) {
        EXPECT_EQ(served[k].arrival, served[k - 1].end_time);
      }
    }
  }
}

/// Kernel times that do not depend on any size, so that nothing is rounded.
class FlatBundle {
public:
  explicit FlatBundle(std::int64_t factor)
      : root_(std::filesystem::temp_directory_path() /
              fmt::format("lockstep_flat_{}_{}", getpid(), factor)) {
    const std::filesystem::path dir = root_ / "RTXPRO6000/toy/dense/bf16/tp1";
    std::filesystem::create_directories(dir);
    std::ofstream(dir / "../meta.yaml") << "engine_effective: {max_num_batched_tokens: 4096}\n";
    std::ofstream dense(dir / "dense.csv");
    dense << "layer,tokens,time_us\n";
    for (const char* layer : {"embedding", "layernorm", "qkv_proj", "rotary_emb", "o_proj",
                              "gate_up_proj", "act_fn", "down_proj", "final_layernorm"}) {
      dense << layer << ",1," << 7 * factor << "\n" << layer << ",4096," << 7 * factor << "\n";
    }
    std::ofstream per_sequence(dir / "per_sequence.csv");
    per_sequence << "layer,sequences,time_us\n";
    for (const char* layer : {"lm_head", "sampler"}) {
      per_sequence << layer << ",1," << 11 * factor << "\n";
    }
    std::ofstream(dir / "attention.csv")
        << "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n0,0,1,16," << 13 * factor << "\n";
  }
  ~FlatBundle() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  FlatBundle(const FlatBundle&) = delete;
  FlatBundle& operator=(const FlatBundle&) = delete;
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }

private:
  std::filesystem::path root_;
};

TEST(Laws, StretchingAllTimesStretchesTheRun) {
  const auto served_with = [](std::int64_t factor) {
    const FlatBundle bundle(factor);
    Calls calls;
    for (int k = 0; k < 6; ++k) {
      calls.add(factor * (1 + 90'000 * k), 20 + 30 * k, 3 + k);
    }
    calls.session(factor * 400'000, 3, 20, 4, factor * 70'000);
    RunOptions options = round_robin();
    options.fidelity = Fidelity::vllm;  // no clock of its own
    options.engine_terms = EngineTerms::none();
    options.max_num_batched_tokens = 64;
    ToyCluster toy;
    toy.cpu_bandwidth = 1e9;  // what is stored there takes no time
    const Cluster cluster = parse_cluster(toy.json(), "toy.json", options, ToyModels::paths());
    KernelTimeLibrary library(PerfSources{{bundle.root()}, false});
    RunObserver observer;
    Simulation simulation(cluster, options, &calls.workload(), library, observer);
    std::vector<Request> served;
    const RunResult result = simulation.run();
    for (const Request* request : result.done.front()) {
      served.push_back(*request);
      served.back().source = nullptr;
    }
    return served;
  };
  const std::vector<Request> one = served_with(1);
  for (const std::int64_t factor : {2, 3, 1000}) {
    const std::vector<Request> more = served_with(factor);
    ASSERT_EQ(one.size(), more.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(one[i].id, more[i].id);
      EXPECT_EQ(factor * one[i].end_time.count(), more[i].end_time.count()) << i;
      EXPECT_EQ(factor * one[i].ttft.count(), more[i].ttft.count()) << i;
      EXPECT_EQ(factor * one[i].queuing_delay.count(), more[i].queuing_delay.count()) << i;
      for (std::size_t gap = 0; gap < one[i].itl.size(); ++gap) {
        EXPECT_EQ(factor * one[i].itl[gap].count(), more[i].itl[gap].count()) << i;
      }
    }
  }
}

}  // namespace
}  // namespace lockstep::testing
