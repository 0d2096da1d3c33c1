// Whole recorded iterations, from the rows of their trace to the finish of every NPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "device_fixture.hpp"
#include "engine/device_simulator.hpp"
#include "iteration/graph_builder.hpp"
#include "iteration/trace.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

using testing::Dims;
using ::testing::ElementsAreArray;
using testing::full;
using testing::remote_level;

using Graphs = std::vector<std::shared_ptr<NpuGraph>>;
using Times = std::vector<std::int64_t>;

/// The one trace of a run whose file name begins with `number`.
std::filesystem::path trace_file(const std::filesystem::path& reference, const std::string& run,
                                 const std::string& number) {
  for (const auto& entry :
       std::filesystem::directory_iterator(reference / "vectors" / "traces" / run)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(number + "_") && name.ends_with(".txt")) {
      return entry.path();
    }
  }
  ADD_FAILURE() << run << " has no trace " << number;
  return {};
}

Graphs graphs_of(const std::filesystem::path& file, const GraphContext& context) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const ParsedTrace parsed = parse_trace(text, file.string());
  Graphs graphs;
  GraphBuilder().build(parsed.trace, context, graphs);
  return graphs;
}

DeviceSimulatorSpec spec_for(const std::vector<std::int64_t>& dims,
                             std::vector<MemoryLevelSpec> memory) {
  Dims shape;
  for (const std::int64_t npus : dims) {
    shape.push_back(full(npus, 16, 20000));
  }
  return testing::spec_of(std::move(shape), std::move(memory), 1597);
}

std::vector<MemoryLevelSpec> plain_memory() {
  return {remote_level(256, 0)};
}

std::vector<MemoryLevelSpec> cxl_memory() {
  MemoryLevelSpec pool = remote_level(60, 250, 4);
  pool.tier = MemoryTier::cxl;
  return {remote_level(256, 0), pool};
}

std::vector<MemoryLevelSpec> pim_memory() {
  MemoryLevelSpec level = remote_level(1638.4, 13.86);
  level.pim_channels = 64;
  return {level};
}

/// One instance by itself: all NPUs but the last start together, the last one step later.
Times finish_times(const Graphs& graphs, DeviceSimulatorSpec spec) {
  DeviceSimulator sim(std::move(spec));
  const std::size_t last = graphs.size() - 1;
  for (std::size_t npu = 1; npu < last; ++npu) {
    sim.start(graphs[npu]);
  }
  sim.start(graphs[0]);
  if (last > 0) {
    sim.step();
    sim.start(graphs[last]);
  }
  Times finish = testing::run(sim);
  finish.resize(graphs.size());
  return finish;
}

struct Case {
  std::string run;
  std::vector<std::string> traces;
  std::int64_t num_npus = 1;
  std::vector<std::int64_t> dims;
  std::vector<MemoryLevelSpec> memory;
  Times finish;
};

std::vector<Case> cases() {
  const auto plain = plain_memory();
  return {
      {"dense_tp1", {"00000"}, 1, {1}, plain, {10998250}},
      {"dense_tp1", {"00001", "00002", "00003"}, 1, {1}, plain, {11146817}},
      {"dense_tp2", {"00000"}, 2, {2}, plain, {8947391, 8947391}},
      {"dense_tp2", {"00001", "00002", "00003"}, 2, {2}, plain, {8662432, 8662432}},
      {"dense_pp2", {"00000"}, 2, {1, 2}, plain, {5155898, 11023018}},
      {"dense_pp2", {"00001", "00002", "00003"}, 2, {1, 2}, plain, {5224871, 11167293}},
      {"tp_pp", {"00000"}, 4, {2, 2}, plain, {4309344, 4309344, 8972159, 8972159}},
      {"tp_pp", {"00001"}, 4, {2, 2}, plain, {4161575, 4161575, 8682908, 8682908}},
      {"moe_tp2_ep2", {"00000"}, 2, {2}, plain, {19193880, 19215072}},
      {"moe_tp2_ep2", {"00001", "00002"}, 2, {2}, plain, {7895503, 7915622}},
      {"cxl", {"00000"}, 1, {1}, cxl_memory(), {112784869}},
      {"prefix_evict_cpu", {"00000"}, 1, {1}, plain, {33131807}},
      {"prefix_evict_cpu", {"00058"}, 1, {1}, plain, {14504418}},
      {"prefix_evict_cpu", {"00100"}, 1, {1}, plain, {13740876}},
      {"prefix_evict_cpu_shared", {"00000"}, 1, {1}, plain, {33131807}},
      {"prefix_evict_cpu_shared", {"00015"}, 1, {1}, plain, {23726274}},
      {"pim", {"00000"}, 1, {1}, pim_memory(), {10998263}},
      {"pim", {"00002"}, 1, {1}, pim_memory(), {11016027}},
      {"pim_sub_batch", {"00000"}, 1, {1}, pim_memory(), {10998263}},
      {"pim_sub_batch", {"00060"}, 1, {1}, pim_memory(), {21674198}},
      {"pd", {"00000"}, 1, {1, 3}, plain, {11018252, 11018252}},
  };
}

TEST(IterationDuration, OneInstance) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  for (const Case& wanted : cases()) {
    for (const std::string& number : wanted.traces) {
      SCOPED_TRACE(wanted.run + " " + number);
      const Graphs graphs =
          graphs_of(trace_file(reference, wanted.run, number), {.num_npus = wanted.num_npus});
      EXPECT_THAT(finish_times(graphs, spec_for(wanted.dims, wanted.memory)),
                  ElementsAreArray(wanted.finish));
    }
  }
}

struct KnownWave {
  std::string run;
  std::string member_0, member_1;
  bool second_first = false;  ///< member 1 completes the round and so starts first
  std::int64_t start = 0;
  Times finish;
};

TEST(IterationDuration, ExpertsSharedByTwoMembers) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const std::vector<KnownWave> waves = {
      {"dp_ep_session", "00000", "00001", true, 4059740, {70061793, 72013542}},
      {"dp_ep_session", "00002", "00003", true, 72013542, {78686764, 78666645}},
      {"dp_ep_session", "00270", "00271", false, 1033270338, {1039931697, 1039951816}},
      {"dp_ep_session", "00272", "00273", false, 1040951816, {1047613271, 1047633390}},
      {"dp_ep_session", "00540", "00541", false, 2217954286, {2224646660, 2224626541}},
      {"dp_ep_session", "00542", "00543", false, 2224646660, {2231339034, 2231318915}},
  };
  for (const KnownWave& wave : waves) {
    SCOPED_TRACE(wave.run + " " + wave.member_0);
    const Graphs first = graphs_of(trace_file(reference, wave.run, wave.member_0), {});
    const Graphs second =
        graphs_of(trace_file(reference, wave.run, wave.member_1), {.first_npu = 1});
    DeviceSimulator sim(spec_for({1, 2}, plain_memory()));
    sim.advance_idle_to(Nanos{wave.start});
    sim.start(wave.second_first ? second[0] : first[0]);
    sim.step();
    sim.start(wave.second_first ? first[0] : second[0]);
    EXPECT_THAT(testing::run(sim), ElementsAreArray(wave.finish));
  }
}

}  // namespace
}  // namespace lockstep
