// Single operations against recorded finish times: every collective, message and memory access.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"
#include "network/vectors.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

using testing::CollectiveVector;
using testing::NpuProgram;
using testing::run;
using testing::spec_of;
using testing::split;

std::pair<std::int64_t, std::int64_t> simulate(const CollectiveVector& vector) {
  DeviceSimulatorSpec spec = spec_of(vector.dims, {}, 1597);
  spec.collectives = CollectiveSettings::all(vector.algorithm);
  DeviceSimulator sim(spec);
  for (std::int32_t npu = 0; npu < sim.num_npus(); ++npu) {
    NpuProgram program(npu);
    program.collective(vector.request.kind, vector.request.size.count(), vector.request.mask);
    sim.start(program.done());
  }
  const std::vector<std::int64_t> finish = run(sim);
  const auto [first, last] = std::minmax_element(finish.begin(), finish.end());
  return {*first, *last};
}

TEST(DeviceVectors, Collectives) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::int64_t equal = 0;
  std::int64_t refused = 0;
  std::int64_t total = 0;
  for (const CollectiveVector& vector :
       testing::collective_vectors(reference / "vectors" / "collectives.csv")) {
    ++total;
    if (vector.finish) {
      const auto found = simulate(vector);
      EXPECT_EQ(found.first, vector.finish->first.count()) << vector.line;
      EXPECT_EQ(found.second, vector.finish->last.count()) << vector.line;
      equal += found.first == vector.finish->first.count() &&
               found.second == vector.finish->last.count();
      continue;
    }
    // The reference hangs or aborts: no time passes, or it is refused.
    ++refused;
    try {
      EXPECT_EQ(simulate(vector), (std::pair<std::int64_t, std::int64_t>{0, 0})) << vector.line;
    } catch (const UserError&) {
    }
  }
  EXPECT_EQ(total, 4284);
  EXPECT_EQ(equal + refused, total);
  RecordProperty("equal", std::to_string(equal));
}

TEST(DeviceVectors, PointToPoint) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::int64_t total = 0;
  for (const testing::CsvRow& row : testing::read_csv(reference / "vectors" / "p2p.csv")) {
    ++total;
    DeviceSimulator sim(spec_of(testing::dims_of(row)));
    const auto src = static_cast<std::int32_t>(row.integer("src"));
    const auto dst = static_cast<std::int32_t>(row.integer("dst"));
    for (std::int32_t npu = 0; npu < sim.num_npus(); ++npu) {
      NpuProgram program(npu);
      if (npu == src) {
        program.send(dst, row.integer("size_bytes"));
      } else if (npu == dst) {
        program.recv(src, row.integer("size_bytes"));
      } else {
        program.compute(1);
      }
      sim.start(program.done());
    }
    const std::vector<std::int64_t> finish = run(sim);
    EXPECT_EQ(finish[static_cast<std::size_t>(src)], row.integer("sender_finish_ns"));
    EXPECT_EQ(finish[static_cast<std::size_t>(dst)], row.integer("receiver_finish_ns"));
  }
  EXPECT_EQ(total, 125);
}

TEST(DeviceVectors, Memory) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::int64_t total = 0;
  for (const testing::CsvRow& row : testing::read_csv(reference / "vectors" / "memory.csv")) {
    ++total;
    MemoryLevelSpec level =
        testing::remote_level(std::stod(row.text("mem_bw_GBps")),
                              std::stod(row.text("mem_latency_ns")), row.integer("num_devices"));
    if (row.text("memory_type") == "PER_NPU_MEMORY_EXPANSION") {
      level.discipline = MemoryLevelSpec::Discipline::per_npu;
    }
    DeviceSimulator sim(spec_of({testing::full(row.integer("npus"))}, {level}));
    const std::vector<std::string> devices = split(row.text("devices_of_npus"), '|');
    const std::vector<std::string> sizes = split(row.text("sizes_of_npus"), '|');
    for (std::int32_t npu = 0; npu < sim.num_npus(); ++npu) {
      const auto i = static_cast<std::size_t>(npu);
      NpuProgram program(npu);
      program.load(std::stoll(sizes[i]), {MemoryTier::remote, std::stoi(devices[i]), -1});
      sim.start(program.done());
    }
    std::vector<std::int64_t> expected;
    for (const std::string& finish : split(row.text("finish_ns_of_npus"), '|')) {
      expected.push_back(std::stoll(finish));
    }
    EXPECT_EQ(run(sim), expected) << row.text("sizes_of_npus");
  }
  EXPECT_EQ(total, 216);
}

}  // namespace
}  // namespace lockstep
