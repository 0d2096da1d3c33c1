// Rings left to a formula end when their messages would have made them end.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "engine/device_fixture.hpp"
#include "engine/laws_fixture.hpp"

namespace lockstep::testing {
namespace {

/// Computations of any length between collectives over any dimensions, another length on each NPU.
std::vector<std::shared_ptr<const NpuGraph>> random_programs(const Dims& dims) {
  std::int64_t count = 1;
  for (const Topology::Dimension& dim : dims) {
    count *= dim.npus;
  }
  std::vector<NpuProgram> programs;
  std::vector<std::int32_t> last(static_cast<std::size_t>(count), -1);
  for (std::int32_t npu = 0; npu < count; ++npu) {
    programs.emplace_back(npu);
  }
  for (auto n = *rc::gen::inRange(1, 4); n > 0; --n) {
    const auto kind = *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather,
                                        CollectiveKind::reduce_scatter, CollectiveKind::all_to_all);
    const auto size = *rc::gen::inRange<std::int64_t>(1, 100'000);
    std::vector<bool> involved;
    for (std::size_t d = 0; d < dims.size(); ++d) {
      involved.push_back(*rc::gen::element(false, true, true));
    }
    const bool together = *rc::gen::element(false, true);
    const auto all = *rc::gen::inRange<std::int64_t>(0, 3000);
    for (std::size_t npu = 0; npu < programs.size(); ++npu) {
      const auto parents =
          last[npu] < 0 ? std::vector<std::int32_t>{} : std::vector<std::int32_t>{last[npu]};
      const auto own = together ? all : *rc::gen::inRange<std::int64_t>(0, 3000);
      const std::int32_t before = programs[npu].compute(own, parents);
      last[npu] = programs[npu].collective(kind, size, DimMask::of(involved), {before});
    }
  }
  std::vector<std::shared_ptr<const NpuGraph>> graphs;
  for (const NpuProgram& program : programs) {
    graphs.push_back(program.done());
  }
  return graphs;
}

RC_GTEST_PROP(Rings, EndAsByTheirMessages, ()) {
  Dims dims;
  for (auto n = *rc::gen::inRange(1, 4); n > 0; --n) {
    dims.push_back(full(*rc::gen::inRange<std::int64_t>(1, 6), *rc::gen::element(112.0, 16.0),
                        *rc::gen::element(0.0, 500.0)));
    dims.back().kind =
        *rc::gen::element(TopologyKind::fully_connected, TopologyKind::ring, TopologyKind::switch_);
  }
  const auto programs = random_programs(dims);
  DeviceSimulatorSpec spec = spec_of(dims);
  spec.endpoint_delay = Nanos{*rc::gen::element<std::int64_t>(0, 10)};
  spec.local_mem_bandwidth = *rc::gen::element(0.0, 768.0, 3.0);
  const auto ends = [&](bool closed) {
    spec.rings_in_closed_form = closed;
    DeviceSimulator simulator(spec);
    for (const auto& program : programs) {
      simulator.start(program);
    }
    return run(simulator);
  };
  RC_ASSERT(ends(true) == ends(false));
}

TEST(Rings, NeedFewEvents) {
  const Dims dims{full(64)};
  const auto times = [&](bool closed) {
    DeviceSimulatorSpec spec = spec_of(dims);
    spec.rings_in_closed_form = closed;
    DeviceSimulator simulator(spec);
    for (std::int32_t npu = 0; npu < 64; ++npu) {
      NpuProgram program(npu);
      program.collective(CollectiveKind::all_to_all, 1 << 20);
      simulator.start(program.done());
    }
    return step_times(simulator);
  };
  const auto messages = times(false);
  const auto formula = times(true);
  EXPECT_EQ(messages.back(), formula.back());
  EXPECT_GT(messages.size(), 2000U);
  EXPECT_EQ(formula.size(), 1U);
}

/// Who never comes is missed with the formula too.
TEST(Rings, AMissingMemberIsStuck) {
  DeviceSimulatorSpec spec = spec_of({full(3)});
  spec.rings_in_closed_form = true;
  DeviceSimulator simulator(spec);
  for (std::int32_t npu = 0; npu < 2; ++npu) {
    NpuProgram program(npu);
    program.collective(kAllReduce, 4096);
    simulator.start(program.done());
  }
  run(simulator);
  EXPECT_FALSE(simulator.finished(0));
  EXPECT_NE(simulator.describe_waits().find("NPU 0 waits in"), std::string::npos);
}

}  // namespace
}  // namespace lockstep::testing
