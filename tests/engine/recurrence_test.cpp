// Programs with loops, whose copies are skipped, beside the same programs written out, every node
// of which is simulated: all times at which anything happens are the same.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <numeric>

#include "engine/device_fixture.hpp"
#include "engine/laws_fixture.hpp"
#include "iteration/graph_text.hpp"

namespace lockstep {
namespace {

using testing::expert;
using testing::expert_end;
using testing::full;
using testing::remote;
using testing::remote_level;
using testing::Row;
using testing::spec_of;

constexpr DimMask kInner{3, 0b001};
constexpr DimMask kOuter{3, 0b010};

/// A step of one member: embedding, `repeat` equal layers, head.
struct Step {
  std::int64_t first = 0;
  std::vector<std::int64_t> layers;
  std::int64_t reduced = 0;    ///< bytes of the all-reduce within the member
  std::int64_t exchanged = 0;  ///< bytes of the exchange between members; 0: none
  std::int64_t repeat = 1;
};

IterationTrace trace_of(const Step& step) {
  IterationTrace trace;
  trace.segments.push_back({{Row("embedding", step.first).in(64, remote(0))}, 1});
  std::vector<TraceRow> rows;
  for (const std::int64_t time : step.layers) {
    rows.push_back(Row("layer", time));
  }
  rows.push_back(Row("o_proj", 31).comm(CollectiveKind::all_reduce, step.reduced, kInner));
  if (step.exchanged > 0) {
    rows.push_back(expert(0).comm(CollectiveKind::all_gather, step.exchanged, kOuter));
    rows.push_back(Row("expert", 57));
    rows.push_back(expert_end().comm(CollectiveKind::reduce_scatter, step.exchanged, kOuter));
  }
  trace.segments.push_back({rows, step.repeat});
  trace.segments.push_back({{Row("lm_head", 90), Row("sampler", 20).out(8, remote(0))}, 1});
  return trace;
}

/// Members of one grid [tp, members], in groups of `grouped` that exchange. A second such grid has
/// nothing to do and so looks on.
struct Scene {
  std::int64_t tp = 1;
  std::int64_t members = 1;
  std::int64_t grouped = 1;
  std::vector<std::vector<Step>> steps;  ///< by member, one after the other
  std::vector<std::int64_t> late;        ///< by NPU: how much later than the first it begins
};

Scene random_scene(std::int64_t shortest = 0) {
  Scene scene;
  scene.tp = *rc::gen::inRange<std::int64_t>(1, 5);
  scene.members = *rc::gen::inRange<std::int64_t>(1, 4);
  scene.grouped = *rc::gen::element<std::int64_t>(1, scene.members);
  const auto time = rc::gen::inRange<std::int64_t>(shortest, 3000);
  const auto count = *rc::gen::inRange<std::size_t>(1, 3);
  for (std::size_t k = 0; k < count; ++k) {
    const auto repeat = *rc::gen::inRange<std::int64_t>(1, 30);
    const auto exchanged = scene.grouped > 1 ? *rc::gen::inRange<std::int64_t>(1, 200'000) : 0;
    scene.steps.resize(static_cast<std::size_t>(scene.members));
    for (auto& steps : scene.steps) {
      steps.push_back({*time, *rc::gen::container<std::vector<std::int64_t>>(2, time),
                       *rc::gen::inRange<std::int64_t>(1, 100'000), exchanged, repeat});
    }
  }
  scene.late = *rc::gen::container<std::vector<std::int64_t>>(
      static_cast<std::size_t>(scene.tp * scene.members), rc::gen::inRange<std::int64_t>(0, 5000));
  return scene;
}

DeviceSimulatorSpec spec_for(const Scene& scene, bool skips) {
  DeviceSimulatorSpec spec =
      spec_of({full(scene.tp, 64, 700), full(scene.members, 30, 2000), full(2)}, {remote_level()});
  for (std::int64_t first = 0; skips && first < scene.members; first += scene.grouped) {
    std::vector<std::int32_t> company(static_cast<std::size_t>(scene.grouped * scene.tp));
    std::iota(company.begin(), company.end(), static_cast<std::int32_t>(first * scene.tp));
    spec.companies.push_back(company);
  }
  return spec;
}

std::vector<std::vector<NpuGraph>> graphs_of(const Scene& scene, bool fold) {
  std::vector<std::vector<NpuGraph>> by_npu(static_cast<std::size_t>(scene.tp * scene.members));
  for (std::size_t member = 0; member < scene.steps.size(); ++member) {
    for (const Step& step : scene.steps[member]) {
      const auto first = static_cast<std::int32_t>(static_cast<std::int64_t>(member) * scene.tp);
      GraphContext context{.num_npus = scene.tp, .first_npu = first};
      context.experts_wait_for_dispatch = true;
      context.folding = fold ? Folding::loops : Folding::none;
      for (NpuGraph& graph : build_graphs(trace_of(step), context)) {
        by_npu[static_cast<std::size_t>(graph.npu)].push_back(std::move(graph));
      }
    }
  }
  return by_npu;
}

/// Every time at which something happens, and when each NPU has finished.
struct Course {
  std::vector<std::int64_t> times, finished, computed;
  friend bool operator==(const Course&, const Course&) = default;
};

/// The NPUs begin one after the other: a further one at the next time that is late enough for it.
Course course_of(const Scene& scene, bool folded) {
  DeviceSimulator sim(spec_for(scene, folded));
  const auto graphs = graphs_of(scene, folded);
  std::vector<std::size_t> waiting(graphs.size());
  std::iota(waiting.begin(), waiting.end(), std::size_t{0});
  std::stable_sort(waiting.begin(), waiting.end(),
                   [&](std::size_t a, std::size_t b) { return scene.late[a] < scene.late[b]; });
  Course course;
  course.finished.assign(graphs.size(), -1);
  while (!waiting.empty() || sim.busy()) {
    while (!waiting.empty() && (!sim.busy() || scene.late[waiting.front()] <= sim.now().count())) {
      for (const NpuGraph& graph : graphs[waiting.front()]) {
        sim.enqueue(std::make_shared<const NpuGraph>(graph));
      }
      waiting.erase(waiting.begin());
    }
    sim.step();
    course.times.push_back(sim.now().count());
    for (std::size_t npu = 0; npu < graphs.size(); ++npu) {
      if (sim.finished(static_cast<std::int32_t>(npu)) &&
          sim.iteration(static_cast<std::int32_t>(npu)) >= 0 && course.finished[npu] < 0) {
        course.finished[npu] = sim.now().count();
        course.computed.push_back(
            sim.exposed_communication(static_cast<std::int32_t>(npu)).count());
      }
    }
  }
  return course;
}

std::int64_t copies_written(const NpuGraph& graph) {
  std::int64_t nodes = static_cast<std::int64_t>(graph.size());
  for (const GraphLoop& loop : graph.loops) {
    nodes += (loop.end - loop.first) * (loop.copies - 1);
  }
  return nodes;
}

RC_GTEST_PROP(Recurrence, EverythingHappensWhenItDoesWithoutLoops, ()) {
  const Scene scene = random_scene();
  RC_ASSERT(course_of(scene, true) == course_of(scene, false));
}

RC_GTEST_PROP(Recurrence, ALoopStandsForAllItsCopies, ()) {
  const Scene scene = random_scene(1);  // what takes no time has no node
  const auto folded = graphs_of(scene, true);
  const auto plain = graphs_of(scene, false);
  for (std::size_t npu = 0; npu < plain.size(); ++npu) {
    for (std::size_t k = 0; k < plain[npu].size(); ++k) {
      RC_ASSERT(copies_written(folded[npu][k]) == static_cast<std::int64_t>(plain[npu][k].size()));
      const bool folds = scene.steps.front()[k].repeat > 2;
      RC_ASSERT(folded[npu][k].loops.size() == (folds ? 1U : 0U));
    }
  }
}

/// Where nobody looks on, a step of many layers takes few events, and as long as it ever did.
TEST(Recurrence, MostCopiesAreSkipped) {
  const auto events = [](std::int64_t repeat, bool fold) {
    DeviceSimulatorSpec spec = spec_of({full(2)}, {remote_level()});
    spec.companies = {{0, 1}};
    DeviceSimulator sim(spec);
    Step step{10, {100, 200}, 4096, 0, repeat};
    GraphContext context{.num_npus = 2};
    context.folding = fold ? Folding::loops : Folding::none;
    IterationTrace trace = trace_of(step);
    trace.segments[1].rows.back().comm_mask = DimMask{1, 0b1};
    for (const NpuGraph& graph : build_graphs(trace, context)) {
      sim.start(std::make_shared<const NpuGraph>(graph));
    }
    return testing::step_times(sim);
  };
  const std::vector<std::int64_t> plain = events(1000, false);
  const std::vector<std::int64_t> folded = events(1000, true);
  EXPECT_EQ(folded.back(), plain.back());
  EXPECT_GT(plain.size(), 5000U);
  EXPECT_LT(folded.size(), 100U);
}

/// What the look-ahead over quiet times sees, from any time on.
RC_GTEST_PROP(Recurrence, TheNextTimeIsFoundAmongCopiesLeftOut, ()) {
  Scene scene = random_scene();
  scene.late.assign(scene.late.size(), 0);
  const Course plain = course_of(scene, false);
  RC_PRE(!plain.times.empty() && plain.times.back() > 0);
  const auto horizon = *rc::gen::inRange<std::int64_t>(1, plain.times.back() + 1);
  DeviceSimulator sim(spec_for(scene, true));
  for (const auto& programs : graphs_of(scene, true)) {
    for (const NpuGraph& graph : programs) {
      sim.enqueue(std::make_shared<const NpuGraph>(graph));
    }
  }
  const std::int64_t first_end = *std::min_element(plain.finished.begin(), plain.finished.end());
  if (sim.busy()) {
    sim.run_until(Nanos{horizon});
    const auto from = std::min(horizon, first_end);
    RC_ASSERT(sim.now().count() == *std::lower_bound(plain.times.begin(), plain.times.end(), from));
  }
}

/// Somebody who may look at every time up to a limit goes past none of them.
RC_GTEST_PROP(Recurrence, ALimitIsKept, ()) {
  Scene scene = random_scene();
  scene.late.assign(scene.late.size(), 0);
  const Course plain = course_of(scene, false);
  RC_PRE(!plain.times.empty() && plain.times.back() > plain.times.front());
  const auto limit = *rc::gen::inRange<std::int64_t>(plain.times.front(), plain.times.back());
  DeviceSimulator sim(spec_for(scene, true));
  for (const auto& programs : graphs_of(scene, true)) {
    for (const NpuGraph& graph : programs) {
      sim.enqueue(std::make_shared<const NpuGraph>(graph));
    }
  }
  while (sim.busy() && sim.next_time() <= Nanos{limit}) {
    sim.run_until(Nanos::max(), Nanos{limit});
    RC_ASSERT(sim.now() <= Nanos{limit});
  }
}

/// The same as the engine runs it: unlike instances that share a router, so that one is asked at
/// times at which another is in the middle of its layers.
void expect_same_run(const testing::ToyCluster& toy, RunOptions options,
                     const testing::Calls& calls = testing::some_calls()) {
  options.fold_layers = true;
  const testing::Outcome folded = testing::run_toy(toy, calls, options);
  options.fold_layers = false;
  const testing::Outcome plain = testing::run_toy(toy, calls, options);
  EXPECT_EQ(testing::results(folded), testing::results(plain));
  EXPECT_EQ(folded.batches, plain.batches);
  EXPECT_EQ(folded.result.total_clocks, plain.result.total_clocks);
}

TEST(Recurrence, RunsAreTheSame) {
  for (const Fidelity fidelity : {Fidelity::reference, Fidelity::vllm}) {
    RunOptions options = testing::round_robin();
    options.fidelity = fidelity;
    expect_same_run({1, testing::replica_of("toy/deep_dense")}, options);
    expect_same_run({1, testing::replica_of("toy/deep_dense", 4)}, options);
    expect_same_run({1, testing::replica_of("toy/deep_moe", 2, 1, 2)}, options);
    expect_same_run({3, testing::replica_of("toy/deep_dense")}, options);
    expect_same_run({2, testing::replica_of("toy/deep_dense", 2)}, options);
    testing::Replica member = testing::replica_of("toy/deep_moe", 1, 1, 2);
    member.group = "A";
    testing::ToyCluster group(2, member);
    expect_same_run(group, options);
    group.replicas.push_back(testing::replica_of("toy/deep_dense", 1));
    expect_same_run(group, options);
    testing::ToyCluster metered(2, testing::replica_of("toy/deep_dense", 2));
    metered.network = R"({"collective_algorithm":"doubleBinaryTree"})";
    expect_same_run(metered, options);
  }
}

/// What members do at the same time they do in an order, and who writes shared memory first is
/// served first. In this ring of four the order is another after every copy.
TEST(Recurrence, MembersThatBeginTogetherKeepTheirOrder) {
  testing::Replica member = testing::replica_of("toy/moe", 1, 1, 4);
  member.group = "A";
  testing::Calls calls;
  calls.add(0, 1, 1).add(0, 1, 1).add(0, 1, 1).add(0, 1, 1);
  calls.add(600'000, 64, 1).add(600'000, 1, 1);
  RunOptions options = testing::round_robin();
  options.dtype = DataType::fp8;
  testing::ToyCluster toy(4, member);
  toy.link_latency = "20000";
  expect_same_run(toy, options, calls);
}

}  // namespace
}  // namespace lockstep
