// Runs that nobody watches step by step, so that steps may be left out, and all that can be seen of
// them.
#pragma once

#include <fmt/format.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "engine/laws_fixture.hpp"

namespace lockstep::testing {

/// Asks for nothing but what cannot be missed.
class PollCounter final : public RunObserver {
public:
  void on_poll(std::int32_t, std::int64_t, Nanos, PollAnswer answer) override {
    programs_ += answer == PollAnswer::program ? 1 : 0;
  }
  void on_heartbeat(const Heartbeat& beat) override {
    beats_ += fmt::format("{} {} {}:", beat.mark.count(), beat.prompt_throughput,
                          beat.generation_throughput);
    for (const InstanceSnapshot& instance : beat.instances) {
      beats_ += fmt::format(" {} {} {} {}", instance.running, instance.waiting,
                            instance.npu_used.count(), instance.npu_prefix.hit);
    }
    beats_ += "\n";
  }
  [[nodiscard]] std::int64_t programs() const { return programs_; }
  [[nodiscard]] const std::string& beats() const { return beats_; }

private:
  std::int64_t programs_ = 0;
  std::string beats_;
};

struct QuietRun {
  std::string told;            ///< all that anybody could see of it
  std::int64_t steps = 0;      ///< as the result has it
  std::int64_t programs = 0;   ///< that NPUs got
  std::int64_t events = 0;     ///< that were handled
  std::int64_t preempted = 0;  ///< times
  std::int64_t served = 0;     ///< requests
  std::int64_t generated = 0;  ///< tokens
  std::int64_t moved = 0;      ///< requests that failing instances lost
  std::int64_t most_on = 0;    ///< instances, with autoscaling
  std::size_t leaks = 0;
};

inline QuietRun quiet_run(const ToyCluster& toy, const Calls& calls, const RunOptions& options) {
  const Cluster cluster = parse_cluster(toy.json(), "toy.json", options, ToyModels::paths());
  KernelTimeLibrary library(PerfSources{});
  PollCounter counter;
  Simulation simulation(cluster, options, &calls.workload(), library, counter);
  Outcome outcome;
  outcome.result = simulation.run();
  const RunResult& result = outcome.result;
  for (const auto& list : result.done) {
    auto& copies = outcome.done.emplace_back();
    for (const Request* request : list) {
      copies.push_back(*request);
    }
  }
  const FleetUse fleet = result.fleet.value_or(FleetUse{});
  QuietRun run{results(outcome),        result.steps,         counter.programs(),
               simulation.num_events(), result.preemptions,   result.requests,
               result.generated_tokens, fleet.moved_requests, fleet.most_on,
               result.leaks.size()};
  run.told += fmt::format("{} {} {} {}\n", fleet.failures, fleet.moved_requests,
                          fleet.instance_seconds, fleet.starts);
  run.told += fmt::format("{} {} {} {} {} {}\n", result.total_clocks.count(), result.prompt_tokens,
                          result.generated_tokens, result.steps, result.preemptions,
                          result.recompute_tokens);
  run.told += fmt::format("{} {} {}\n", result.prefix.requested, result.prefix.npu_hit,
                          result.prefix.lower_hit);
  for (const std::int64_t count : result.lookups.by_source) {
    run.told += fmt::format("{} ", count);
  }
  for (const std::int64_t blocks : result.peak_kv_blocks) {
    run.told += fmt::format("{} ", blocks);
  }
  for (const auto& rates : result.interval_throughput) {
    run.told += fmt::format("{} {} ", rates[0], rates[1]);
  }
  run.told += "\n" + counter.beats();
  return run;
}

/// Both runs, with steps left out in `got`: the same to those who look, and all requests served.
inline void expect_nobody_can_tell(const QuietRun& got, const QuietRun& want, const ToyCluster& toy,
                                   const Calls& calls) {
  RC_CLASSIFY(got.programs < want.programs, "steps were left out");
  RC_LOG() << "got\n" << got.told << "want\n" << want.told << toy.json();
  RC_ASSERT(got.told == want.told);
  RC_ASSERT(want.served == static_cast<std::int64_t>(calls.workload().requests.size()));
  RC_ASSERT(want.leaks == 0U);
}

/// A run in which steps are left out beside one in which all are simulated.
inline void compare_with_plain(const ToyCluster& toy, const Calls& calls, const RunOptions& fast) {
  RunOptions plain = fast;
  plain.fold_layers = false;
  QuietRun want;
  try {
    want = quiet_run(toy, calls, plain);
  } catch (const UserError&) {
    RC_DISCARD("the model or a request has no room");
  }
  const QuietRun got = quiet_run(toy, calls, fast);
  RC_CLASSIFY(got.programs < want.programs, "steps were left out");
  RC_CLASSIFY(want.preempted > 0, "somebody was preempted");
  RC_LOG() << "got\n" << got.told << "want\n" << want.told << toy.json();
  RC_ASSERT(got.told == want.told);
}

/// The cluster is an error that says `part`, in a key of this name, and how to mend it.
inline void expect_refused(const ToyCluster& toy, Fidelity fidelity, const std::string& part,
                           const std::string& key) {
  RunOptions options = round_robin();
  options.fidelity = fidelity;
  try {
    static_cast<void>(parse_cluster(toy.json(), "toy.json", options, ToyModels::paths()));
    ADD_FAILURE() << "accepted: " << part;
  } catch (const UserError& error) {
    EXPECT_NE(error.problem().find(part), std::string::npos) << error.problem();
    EXPECT_NE(error.where().path.find(key), std::string::npos) << error.where().path;
    EXPECT_FALSE(error.mend().empty());
  }
}

inline RunOptions options_for(Fidelity fidelity, bool fold) {
  RunOptions options = round_robin();
  options.fidelity = fidelity;
  options.fold_layers = fold;
  options.log_interval = 0.002;
  return options;
}

inline Calls random_calls(bool sessions) {
  Calls calls;
  const auto count = *rc::gen::inRange(1, 14);
  std::int64_t arrival = 0;
  for (int i = 0; i < count; ++i) {
    arrival += *rc::gen::element<std::int64_t>(0, 20'000, 700'000, 9'000'000);
    const auto input = *rc::gen::inRange<std::int64_t>(1, 200);
    const auto output = *rc::gen::inRange<std::int64_t>(1, 90);
    if (sessions && *rc::gen::element(false, true)) {
      calls.session(arrival, *rc::gen::inRange(1, 4), input, output,
                    *rc::gen::element<std::int64_t>(0, 400'000));
      continue;
    }
    WorkloadRequest request;
    request.input_toks = input;
    request.output_toks = output;
    request.arrival = Nanos{arrival};
    request.priority = *rc::gen::inRange(-1, 2);
    const auto word = *rc::gen::inRange<std::int32_t>(1, 3);  // many begin alike
    request.input_ids.assign(static_cast<std::size_t>(input), word);
    request.output_ids.assign(static_cast<std::size_t>(output), 7);
    calls.add(std::move(request));
  }
  return calls;
}

inline ToyCluster random_cluster() {
  const auto model = *rc::gen::element<std::string>("toy/dense", "toy/moe");
  const int tp = *rc::gen::element(1, 1, 2, 4);
  const bool spread = model == "toy/moe" && *rc::gen::element(false, true);
  Replica replica = replica_of(model, tp, 1, spread ? tp : 1);
  replica.more = fmt::format(R"("max_num_seqs":{})", *rc::gen::element(256, 3));
  return {*rc::gen::element<std::size_t>(1, 1, 2, 3), replica};
}

inline ServingFeatures random_features() {
  ServingFeatures features;
  features.queue_policy = *rc::gen::element(QueuePolicy::fcfs, QueuePolicy::priority);
  features.step_policy =
      *rc::gen::element(StepPolicy::mixed, StepPolicy::prefill_first, StepPolicy::decode_first);
  features.speculation.tokens = *rc::gen::element(0, 0, 0, 2, 3);
  features.speculation.acceptance = 0.6;
  features.speculation.draft_micros = 7;
  return features;
}

}  // namespace lockstep::testing
