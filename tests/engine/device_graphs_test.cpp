// Whole programs made from traces: times of every NPU, by hand and against recorded iterations.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "engine/device_fixture.hpp"
#include "iteration/graph_text.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using testing::expert;
using testing::expert_end;
using testing::full;
using testing::pim;
using testing::pim_end;
using testing::remote;
using testing::remote_level;
using testing::Row;
using testing::run;
using testing::spec_of;
using testing::trace_of;

constexpr DimMask kInner{2, 0b01};
constexpr DimMask kBoth{2, 0b11};

void start_all(DeviceSimulator& sim, std::vector<NpuGraph> graphs) {
  for (NpuGraph& graph : graphs) {
    sim.start(std::make_shared<const NpuGraph>(std::move(graph)));
  }
}

TEST(DeviceGraphs, TensorParallelWithKvLoad) {
  DeviceSimulator sim(spec_of({full(2)}, {remote_level()}));
  start_all(
      sim,
      build_graphs(
          trace_of({Row("kv_load").weight(262144, remote(0)).kind(RowKind::kv_load),
                    Row("embedding", 500).in(40, remote(0)).weight(1000).out(65536),
                    Row("o_proj", 700).in(65536).weight(100).out(65536).comm(kAllReduce, 65536),
                    Row("sampler", 300).in(9999).out(8, remote(0))}),
          {.num_npus = 2}));
  const std::vector<std::int64_t> times = testing::step_times(sim);
  // Loads, computations and the ends of the exchange, as far as NPU 0 and 1 show them.
  for (const std::int64_t time :
       {1124, 1224, 1724, 2348, 2424, 2448, 2948, 3648, 4576, 4876, 4976, 5348, 5648, 5748}) {
    EXPECT_TRUE(std::binary_search(times.begin(), times.end(), time)) << time;
  }
  EXPECT_EQ(times.back(), 5748);
}

TEST(DeviceGraphs, Pipeline) {
  DeviceSimulator sim(spec_of({full(2), full(2)}, {remote_level()}));
  start_all(
      sim, build_graphs(
               trace_of({Row("embedding", 500).in(40, remote(0)).out(65536),
                         Row("down_proj", 700).in(65536).out(65536).comm(kAllReduce, 65536, kInner),
                         Row("layernorm", 700).in(65536).out(65536),
                         Row("down_proj", 700).in(65536).out(65536).comm(kAllReduce, 65536, kInner),
                         Row("sampler", 300).in(9999).out(8, remote(0))},
                        {2}),
               {.num_npus = 4}));
  EXPECT_THAT(run(sim), ElementsAre(4044, 4144, 7544, 7644));
}

TEST(DeviceGraphs, ExpertsOfTwoMembers) {
  const MemoryLocation device{MemoryTier::cxl, 1, -1};
  MemoryLevelSpec cxl = remote_level(60, 250, 2);
  cxl.tier = MemoryTier::cxl;
  DeviceSimulator sim(spec_of({full(2), full(2)}, {remote_level(), cxl}));
  for (const std::int32_t member : {0, 1}) {
    start_all(
        sim,
        build_graphs(
            trace_of({Row("embedding", member == 0 ? 500 : 900).in(40, remote(0)).out(65536),
                      expert(0).comm(CollectiveKind::all_gather, 16384, kBoth),
                      Row("expert", 4000).weight(600000, device), expert(1), Row("expert", 3000),
                      expert_end().comm(CollectiveKind::reduce_scatter, 65536, kBoth),
                      Row("sampler", 300).out(8, remote(0))}),
            {.num_npus = 2, .first_npu = 2 * member}));
  }
  EXPECT_THAT(run(sim), ElementsAre(26365, 27137, 25729, 26501));
}

TEST(DeviceGraphs, PrefillHandsItsKvOver) {
  DeviceSimulator sim(spec_of({full(2), full(2)}, {remote_level()}));
  IterationTrace trace = trace_of(
      {Row("embedding", 500).in(40, remote(0)),
       Row("qkv_proj", 700).out(99999).comm(CollectiveKind::none, 131072),
       Row("o_proj", 200).comm(kAllReduce, 65536, kInner), Row("sampler", 300).out(8, remote(0))});
  trace.type = ExecutionType::prefill;
  start_all(sim, build_graphs(trace, {.num_npus = 2}));
  EXPECT_THAT(run(sim), ElementsAre(5389, 5489, 5389, 5489));
}

TEST(DeviceGraphs, InMemoryAttention) {
  MemoryLevelSpec level = remote_level(256, 0);
  level.pim_channels = 2;
  const auto attention = [](std::int64_t time, std::int32_t channel, std::int64_t size) {
    return Row("attention", time).in(size, remote(0, channel)).out(size, remote(0, channel));
  };
  DeviceSimulator sim(spec_of({full(1)}, {level}));
  start_all(sim, build_graphs(
                     trace_of({Row("embedding", 500).in(40, remote(0)), Row("qkv_proj", 700),
                               pim(0), attention(1000, 0, 2560), attention(1500, 0, 2560), pim(1),
                               attention(2000, 1, 5120), pim_end(), Row("attention", 900),
                               Row("o_proj", 700), Row("sampler", 300).out(8, remote(0))}),
                     {}));
  const std::vector<std::int64_t> times = testing::step_times(sim);
  for (const std::int64_t time : {500, 1200, 2220, 3240, 3740, 4640, 5340}) {
    EXPECT_TRUE(std::binary_search(times.begin(), times.end(), time)) << time;
  }
  EXPECT_EQ(times.back(), 5640);
}

TEST(DeviceGraphs, AnEmptyInMemorySectionLetsAttentionRunFirst) {
  MemoryLevelSpec level = remote_level(256, 0);
  level.pim_channels = 2;
  DeviceSimulator sim(spec_of({full(1)}, {level}));
  start_all(sim,
            build_graphs(trace_of({Row("embedding", 500).in(40, remote(0)), Row("qkv_proj", 700),
                                   pim(0), pim_end(), Row("attention", 900), Row("o_proj", 700),
                                   Row("sampler", 300).out(8, remote(0))}),
                         {}));
  EXPECT_THAT(testing::step_times(sim), ElementsAre(0, 900, 1400, 2100, 2800, 3100));
}

TEST(DeviceGraphs, OffloadedWeightsAreAskedForAtOnce) {
  DeviceSimulator sim(spec_of({full(1)}, {remote_level()}));
  start_all(
      sim, build_graphs(trace_of({Row("embedding", 500).in(40, remote(0)).weight(256000, remote(0)),
                                  Row("qkv_proj", 700).weight(512000, remote(0)),
                                  Row("sampler", 300).out(8, remote(0))}),
                        {}));
  EXPECT_THAT(testing::step_times(sim), ElementsAre(100, 1200, 1700, 3300, 4000, 4300, 4400));
}

// ---- Recorded iterations ------------------------------------------------------------------

struct Iteration {
  const char* run;
  const char* number;  ///< leading digits of the trace's name
  std::vector<std::int64_t> dims;
  std::vector<std::int64_t> durations;  ///< by NPU
  MemoryLevelSpec memory = remote_level(256, 0);
};

std::string trace_text(const std::filesystem::path& dir, const std::string& number) {
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(number) && name.ends_with(".txt")) {
      std::ifstream stream(entry.path());
      std::ostringstream text;
      text << stream.rdbuf();
      return text.str();
    }
  }
  throw std::runtime_error("no trace " + number + " in " + dir.string());
}

DeviceSimulatorSpec recorded_spec(const std::vector<std::int64_t>& npus, MemoryLevelSpec memory) {
  testing::Dims dims;
  for (const std::int64_t count : npus) {
    dims.push_back(full(count, 16, 20000));
  }
  MemoryLevelSpec cxl = remote_level(60, 250, 4);
  cxl.tier = MemoryTier::cxl;
  return spec_of(dims, {memory, cxl}, 1597);
}

// First and managed NPUs start together, the last one a step later.
std::vector<std::int64_t> durations(DeviceSimulator& sim, std::vector<NpuGraph> graphs) {
  NpuGraph last = std::move(graphs.back());
  graphs.pop_back();
  const bool alone = graphs.empty();
  start_all(sim, std::move(graphs));
  if (!alone) {
    sim.step();
    EXPECT_EQ(sim.now(), Nanos{0});
  }
  sim.start(std::make_shared<const NpuGraph>(std::move(last)));
  return run(sim);
}

MemoryLevelSpec pim_memory() {
  MemoryLevelSpec level = remote_level(1638.4, 13.86);
  level.pim_channels = 64;
  return level;
}

TEST(DeviceGraphs, RecordedIterations) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const std::vector<Iteration> iterations = {
      {"dense_tp1", "00000", {1}, {10998250}},
      {"dense_tp1", "00001", {1}, {11146817}},
      {"dense_tp1", "00002", {1}, {11146817}},
      {"dense_tp1", "00003", {1}, {11146817}},
      {"dense_tp2", "00000", {2}, {8947391, 8947391}},
      {"dense_tp2", "00001", {2}, {8662432, 8662432}},
      {"dense_tp2", "00002", {2}, {8662432, 8662432}},
      {"dense_tp2", "00003", {2}, {8662432, 8662432}},
      {"dense_pp2", "00000", {1, 2}, {5155898, 11023018}},
      {"dense_pp2", "00001", {1, 2}, {5224871, 11167293}},
      {"dense_pp2", "00002", {1, 2}, {5224871, 11167293}},
      {"dense_pp2", "00003", {1, 2}, {5224871, 11167293}},
      {"tp_pp", "00000", {2, 2}, {4309344, 4309344, 8972159, 8972159}},
      {"tp_pp", "00001", {2, 2}, {4161575, 4161575, 8682908, 8682908}},
      {"moe_tp2_ep2", "00000", {2}, {19193880, 19215072}},
      {"moe_tp2_ep2", "00001", {2}, {7895503, 7915622}},
      {"moe_tp2_ep2", "00002", {2}, {7895503, 7915622}},
      {"cxl", "00000", {1}, {112784869}},
      {"prefix_evict_cpu", "00000", {1}, {33131807}},
      {"prefix_evict_cpu", "00058", {1}, {14504418}},
      {"prefix_evict_cpu", "00100", {1}, {13740876}},
      {"prefix_evict_cpu_shared", "00000", {1}, {33131807}},
      {"prefix_evict_cpu_shared", "00015", {1}, {23726274}},
      {"pim", "00000", {1}, {10998263}, pim_memory()},
      {"pim", "00002", {1}, {11016027}, pim_memory()},
      {"pim_sub_batch", "00000", {1}, {10998263}, pim_memory()},
      {"pim_sub_batch", "00060", {1}, {21674198}, pim_memory()},
      {"pd", "00000", {1, 3}, {11018252, 11018252}},
  };
  for (const Iteration& given : iterations) {
    const std::string text = trace_text(reference / "vectors" / "traces" / given.run, given.number);
    const ParsedTrace parsed = parse_trace(text, given.number);
    const bool receivers = parsed.trace.type == ExecutionType::prefill;
    const auto npus = static_cast<std::int64_t>(given.durations.size()) / (receivers ? 2 : 1);
    DeviceSimulator sim(recorded_spec(given.dims, given.memory));
    std::vector<std::int64_t> found =
        durations(sim, build_graphs(parsed.trace, {.num_npus = npus}));
    found.resize(given.durations.size());
    EXPECT_THAT(found, ElementsAreArray(given.durations)) << given.run << ' ' << given.number;
  }
}

TEST(DeviceGraphs, RecordedRoundsOfAGroup) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  struct Round {
    const char* numbers[2];  ///< of instance 0 and 1
    std::size_t first;       ///< the member that completes the round starts first
    std::int64_t start;
    std::vector<std::int64_t> finish;
  };
  const std::vector<Round> rounds = {
      {{"00000", "00001"}, 1, 4059740, {70061793, 72013542}},
      {{"00000", "00001"}, 0, 4059740, {70061770, 72013519}},  // the shared device decides
      {{"00002", "00003"}, 1, 72013542, {78686764, 78666645}},
      {{"00270", "00271"}, 1, 1033270338, {1039931697, 1039951816}},
      {{"00272", "00273"}, 1, 1040951816, {1047613271, 1047633390}},
      {{"00540", "00541"}, 1, 2217954286, {2224646660, 2224626541}},
      {{"00542", "00543"}, 1, 2224646660, {2231339034, 2231318915}},
  };
  for (const Round& given : rounds) {
    DeviceSimulator sim(recorded_spec({1, 2}, remote_level(256, 0)));
    sim.advance_idle_to(Nanos{given.start});
    for (std::size_t i = 0; i < 2; ++i) {
      const std::size_t member = i == 0 ? given.first : 1 - given.first;
      const std::string text =
          trace_text(reference / "vectors" / "traces" / "dp_ep_session", given.numbers[member]);
      const ParsedTrace parsed = parse_trace(text, given.numbers[member]);
      start_all(sim, build_graphs(parsed.trace, {.first_npu = static_cast<std::int32_t>(member)}));
    }
    EXPECT_THAT(run(sim), ElementsAreArray(given.finish)) << given.numbers[0];
  }
}

}  // namespace
}  // namespace lockstep
