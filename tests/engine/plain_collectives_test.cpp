// Collectives by the recursion that defines a ring, rank by rank and step by step, and by the
// formula of a direct exchange, beside the event machine: random grids, sizes, masks and starts.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/device_fixture.hpp"

namespace lockstep::testing {
namespace {

using Times = std::vector<std::int64_t>;
constexpr std::int64_t kDelay = 10;
constexpr double kReductionBandwidth = 768;

struct PlainGrid {
  Dims dims;

  [[nodiscard]] std::int64_t npus() const {
    std::int64_t all = 1;
    for (const auto& dim : dims) {
      all *= dim.npus;
    }
    return all;
  }
  /// The NPU one place before `npu` in its ring of dimension d, or one behind it.
  [[nodiscard]] std::int64_t other(std::int64_t npu, std::size_t d, bool behind) const {
    std::int64_t stride = 1;
    for (std::size_t i = 0; i < d; ++i) {
      stride *= dims[i].npus;
    }
    const std::int64_t n = dims[d].npus;
    const std::int64_t at = npu / stride % n;
    return npu + ((behind ? (at + 1) % n : (at + n - 1) % n) - at) * stride;
  }
  [[nodiscard]] std::int64_t travel(std::size_t d, std::int64_t hops, std::int64_t bytes) const {
    const double per_ns = dims[d].bandwidth * 1073741824.0 / 1e9;
    return static_cast<std::int64_t>(static_cast<double>(hops) * dims[d].latency +
                                     static_cast<double>(bytes) / per_ns);
  }
};

std::int64_t reduction_of(std::int64_t bytes) {
  return 3 *
         static_cast<std::int64_t>(static_cast<double>(bytes) / (kReductionBandwidth * 1e9) * 1e9);
}

/// One ring phase: when every NPU ends that entered at `times`. `size` becomes what comes out.
Times ring(const PlainGrid& grid, std::size_t d, CollectiveKind kind, std::int64_t& size,
           bool anticlockwise, Times times) {
  const std::int64_t n = grid.dims[d].npus;
  const bool gathers = kind == CollectiveKind::all_gather;
  const std::int64_t message = gathers ? size : size / n;
  const std::int64_t steps = kind == CollectiveKind::all_reduce   ? 2 * (n - 1)
                             : kind == CollectiveKind::all_to_all ? n * (n - 1) / 2
                                                                  : n - 1;
  const bool reduces = kind == CollectiveKind::all_reduce || kind == CollectiveKind::reduce_scatter;
  const std::int64_t hops = grid.dims[d].kind == TopologyKind::switch_ ? 2 : 1;
  const std::int64_t travel = grid.travel(d, hops, message);
  for (std::int64_t& time : times) {
    time += kDelay;
  }
  for (std::int64_t step = 1; step <= steps; ++step) {
    const std::int64_t cost = reduces && step <= n - 1 ? reduction_of(message) : 0;
    Times next(times.size());
    for (std::size_t npu = 0; npu < times.size(); ++npu) {
      const std::int64_t from = grid.other(static_cast<std::int64_t>(npu), d, anticlockwise);
      next[npu] =
          std::max(times[npu], times[static_cast<std::size_t>(from)] + travel) + kDelay + cost;
    }
    times = next;
  }
  size = gathers ? size * n : kind == CollectiveKind::reduce_scatter ? size / n : size;
  return times;
}

Times plain_collective(const PlainGrid& grid, CollectiveKind kind, std::int64_t size,
                       std::uint32_t mask, Times times) {
  std::vector<std::size_t> active;
  for (std::size_t d = 0; d < grid.dims.size(); ++d) {
    if (grid.dims[d].npus > 1 && ((mask >> d) & 1U) != 0) {
      active.push_back(d);
    }
  }
  if (active.empty()) {
    return times;
  }
  size = kind == CollectiveKind::all_gather ? size : std::max(size, grid.npus());
  if (kind == CollectiveKind::all_gather) {
    std::reverse(active.begin(), active.end());
  }
  if (kind != CollectiveKind::all_reduce) {
    for (const std::size_t d : active) {
      times = ring(grid, d, kind, size, false, times);
    }
    return times;
  }
  for (std::size_t i = 0; i + 1 < active.size(); ++i) {
    times = ring(grid, active[i], CollectiveKind::reduce_scatter, size, false, times);
  }
  times = ring(grid, active.back(), kind, size, false, times);
  for (std::size_t i = active.size() - 1; i-- > 0;) {
    times = ring(grid, active[i], CollectiveKind::all_gather, size, true, times);
  }
  return times;
}

PlainGrid random_grid(std::size_t most_dims) {
  PlainGrid grid;
  const auto count = *rc::gen::inRange<std::size_t>(1, most_dims + 1);
  for (std::size_t d = 0; d < count; ++d) {
    grid.dims.push_back({*rc::gen::element(TopologyKind::fully_connected, TopologyKind::switch_,
                                           TopologyKind::ring),
                         *rc::gen::inRange<std::int64_t>(1, 6),
                         static_cast<double>(*rc::gen::inRange(1, 400)),
                         static_cast<double>(*rc::gen::inRange(0, 3000))});
  }
  return grid;
}

CollectiveKind random_kind() {
  return *rc::gen::element(CollectiveKind::all_reduce, CollectiveKind::all_gather,
                           CollectiveKind::reduce_scatter, CollectiveKind::all_to_all);
}

/// Every NPU computes until its start, then takes part.
Times simulated(const DeviceSimulatorSpec& spec, CollectiveKind kind, std::int64_t size,
                DimMask mask, const Times& starts) {
  DeviceSimulator sim(spec);
  for (std::int32_t npu = 0; npu < sim.num_npus(); ++npu) {
    NpuProgram program(npu);
    const std::int32_t before = program.compute(starts[static_cast<std::size_t>(npu)]);
    program.collective(kind, size, mask, {before});
    sim.start(program.done());
  }
  return run(sim);
}

RC_GTEST_PROP(PlainCollectives, RingsEndWhenTheirRecursionSays, ()) {
  const PlainGrid grid = random_grid(3);
  const auto size = *rc::gen::inRange<std::int64_t>(1, 2'000'000);
  const CollectiveKind kind = random_kind();
  DimMask mask;
  mask.count = static_cast<std::uint8_t>(grid.dims.size());
  mask.bits = *rc::gen::inRange<std::uint32_t>(0, 1U << grid.dims.size());
  const Times starts = *rc::gen::container<Times>(static_cast<std::size_t>(grid.npus()),
                                                  rc::gen::inRange<std::int64_t>(1, 9000));
  RC_ASSERT(simulated(spec_of(grid.dims, {}, kReductionBandwidth), kind, size, mask, starts) ==
            plain_collective(grid, kind, size, mask.bits, starts));
}

RC_GTEST_PROP(PlainCollectives, DirectExchangesEndWhenTheirFormulaSays, ()) {
  const PlainGrid grid = random_grid(1);
  const std::int64_t n = grid.npus();
  RC_PRE(n > 1);
  auto size = *rc::gen::inRange<std::int64_t>(1, 2'000'000);
  const CollectiveKind kind = random_kind();
  DeviceSimulatorSpec spec = spec_of(grid.dims, {}, kReductionBandwidth);
  spec.collectives = CollectiveSettings::all(algorithm_from_name("direct"));
  const Times starts(static_cast<std::size_t>(n), 5);
  const Times found = simulated(spec, kind, size, {}, starts);
  const bool gathers = kind == CollectiveKind::all_gather;
  const std::int64_t message = gathers ? size : std::max(size, n) / n;
  const TopologyKind shape = grid.dims[0].kind;
  const std::int64_t hops = shape == TopologyKind::ring      ? n / 2
                            : shape == TopologyKind::switch_ ? 2
                                                             : 1;
  const std::int64_t travel = grid.travel(0, hops, message);
  std::int64_t expected = 5 + travel + 2 * kDelay;
  if (kind == CollectiveKind::all_reduce) {
    expected += travel + kDelay + reduction_of(message);
  } else if (kind == CollectiveKind::reduce_scatter) {
    expected += reduction_of(message);
  }
  RC_ASSERT(*std::max_element(found.begin(), found.end()) == expected);
}

}  // namespace
}  // namespace lockstep::testing
