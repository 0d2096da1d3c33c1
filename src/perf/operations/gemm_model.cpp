// A matrix product as a library runs it: the output cut into tiles, one a multiprocessor, each
// walking along k in steps of 64; long k may be split over multiprocessors and added up again. Of
// the tile shapes and splits the quickest is taken, as libraries' heuristics do.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <tuple>

#include "perf/operations/operation_model.hpp"

namespace lockstep {
namespace {

struct Tile {
  double rows;
  double columns;
};
constexpr std::array<Tile, 9> kTiles = {{{16, 32},
                                         {16, 128},
                                         {64, 32},
                                         {64, 64},
                                         {64, 128},
                                         {128, 64},
                                         {128, 128},
                                         {128, 256},
                                         {256, 128}}};
constexpr std::array<double, 7> kSplits = {1, 2, 3, 4, 6, 8, 16};
constexpr double kStep = 64;  // of k

enum Index : std::uint8_t {
  launch,
  wave,
  compute,
  memory,
  port,
  fabric,
  split,
  split_rate,
  mix,
  warm,
  tail,
  convert,
  row,
  first_tile,
};

double base(const GpuLimits& limits, std::span<const double> c, const Sizes& sizes) {
  const auto [m, n, k, weight_bytes, row_bytes, copies] =
      std::tie(sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]);
  const double units = limits.multiprocessors;
  const double step_flops = 2.0 * kStep / (limits.flops / units * c[compute]);
  const double steps = std::ceil(k / kStep);
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < kTiles.size(); ++i) {
    const Tile& tile = kTiles[i];
    const double tiles = std::ceil(m / tile.rows) * std::ceil(n / tile.columns);
    const double flops = tile.rows * tile.columns * step_flops * c[first_tile + i];
    const double bytes =
        kStep * (std::min(m, tile.rows) * row_bytes + std::min(n, tile.columns) * weight_bytes);
    for (const double parts : kSplits) {
      const double jobs = tiles * parts;
      if (parts > 1 && (jobs > 4 * units || parts > steps)) {
        break;
      }
      const double at_once = std::min(jobs, units);
      const double step = std::max(
          {flops, bytes / (c[port] * 1e3), bytes * at_once / (c[fabric] * limits.bandwidth)});
      double time = paid_waves(jobs / units, c[tail]) * (c[wave] + std::ceil(steps / parts) * step);
      if (parts > 1) {
        time += c[split] + 8.0 * m * n * parts / (c[split_rate] * limits.bandwidth);
      }
      best = std::min(best, time);
    }
  }
  const double weights = n * k * weight_bytes;
  const double held = c[warm] * limits.cache / (copies * weights);
  const double cold = std::min(1.0, 1.0 / (held * held));
  const double spilled = std::max(0.0, m * k * row_bytes + 2.0 * m * n - 0.5 * limits.cache);
  const double read = (weights * cold + spilled) / (limits.bandwidth * c[memory]);
  // Activations of fewer bits are made first: a block for each row, however short it is.
  const double converted =
      row_bytes < 2.0
          ? m * k * (2.0 + row_bytes) / (limits.bandwidth * c[convert]) + m / units * c[row]
          : 0.0;
  return c[launch] + blend_times(best, read, c[mix]) + converted;
}

void along(const GpuLimits& /*limits*/, const Sizes& sizes, std::span<double> values) {
  values[0] = std::log2(sizes[0]);
  values[1] = std::log2(sizes[1]);
  values[2] = std::log2(sizes[2]);
  values[3] = values[0] + values[1];
  values[4] = values[3] + values[2];
  values[5] = std::fmod(sizes[0], 4.0) != 0 ? values[0] : -1.0;
}

}  // namespace

const OperationModel& gemm_model() {
  static const OperationModel kModel = {
      "gemm",
      {{"launch", "us", 1.5, 0.1, 100},
       {"wave", "us", 1.0, 0.01, 100},
       {"compute", "share of peak", 0.8, 0.01, 4},
       {"memory", "share of bandwidth", 0.9, 0.05, 2},
       {"port", "GB/s a multiprocessor", 80, 1, 2000},
       {"fabric", "multiple of bandwidth", 4, 0.2, 100},
       {"split", "us", 1.0, 0.05, 50},
       {"split_rate", "multiple of bandwidth", 3, 0.05, 100},
       {"blend", "exponent", 2, 1, 12},
       {"warm", "share of L2", 0.7, 0.05, 4},
       {"tail", "part", 0.7, 0, 1},
       {"convert", "multiple of bandwidth", 1, 0.02, 20},
       {"row", "us on a multiprocessor", 0.02, 0.001, 5},
       {"tile_16x32", "multiple of a full tile's time", 3, 0.5, 30},
       {"tile_16x128", "multiple of a full tile's time", 1.6, 0.5, 30},
       {"tile_64x32", "multiple of a full tile's time", 1.5, 0.5, 30},
       {"tile_64x64", "multiple of a full tile's time", 1.4, 0.5, 30},
       {"tile_64x128", "multiple of a full tile's time", 1.2, 0.5, 30},
       {"tile_128x64", "multiple of a full tile's time", 1.2, 0.5, 30},
       {"tile_128x128", "multiple of a full tile's time", 1.05, 0.5, 30},
       {"tile_128x256", "multiple of a full tile's time", 1.0, 0.5, 30},
       {"tile_256x128", "multiple of a full tile's time", 1.0, 0.5, 30}},
      // Kernels change behind 16, 64 and 128 rows.
      {{"rows", {0, 4, 4.09, 6, 6.03, 7, 7.02, 8, 10, 12, 15}},
       {"columns", {}},
       {"depth", {}},
       {"outputs", {5, 12, 16, 18, 20, 22, 24, 30}},
       {"work", {10, 24, 30, 34, 38, 44}},
       {"rows, not a multiple of 4", {-1, 0, 5, 9, 12}}},
      base,
      along,
      {{{{0, {0, 4, 6, 8, 10, 12, 15}}, {1, {5, 9, 12, 16}}, {2, {5, 9, 12, 16}}}}}};
  return kModel;
}

}  // namespace lockstep
