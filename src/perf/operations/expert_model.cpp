// Experts as one grouped product after the other: rows sorted by expert, each expert's rows cut
// into tiles; the weights of every expert that has a row are read once. Few rows: the weights'
// bytes set the pace; many: the arithmetic.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "perf/operations/operation_model.hpp"

namespace lockstep {
namespace {

enum Index : std::uint8_t {
  launch,
  all_rate,
  rows_rate,
  wave,
  compute,
  memory,
  port,
  mix,
  tail,
  touch,
  crowd,
  small,
  warm
};

struct Load {
  double rows = 0;     ///< token-experts of this rank
  double touched = 0;  ///< experts that have a row
};

Load load_of(const Sizes& s, double touch_rate, double crowding) {
  const double local = std::max(1.0, s[3] / s[5]);
  const bool even = s[6] <= 0;
  Load load;
  load.rows = std::max(1.0, s[0] * s[4] / s[5]);
  if (even) {
    load.touched = std::min(local, load.rows);
  } else {
    load.rows =
        std::min(load.rows * (1.0 + crowding * (1.0 - 1.0 / s[5])), s[0] * std::min(s[4], local));
    load.rows = std::max(load.rows, 1.0);
    load.touched = local * (1.0 - std::pow(1.0 - 1.0 / std::max(local, 1.0001),
                                           std::max(1.0, load.rows * touch_rate)));
    load.touched = std::clamp(load.touched, 1.0, local);
  }
  return load;
}

struct Product {
  double depth = 0;
  double columns = 0;
};

double product_time(const GpuLimits& limits, std::span<const double> c, const Load& load,
                    const Product& p, double weight_bytes) {
  constexpr std::array<double, 3> kRows = {16, 64, 128};
  constexpr double kColumns = 128;
  constexpr double kStep = 64;
  const double units = limits.multiprocessors;
  const double each = load.rows / load.touched;
  const double flops = 2.0 * kStep * kColumns / (limits.flops / units * c[compute]);
  double best = std::numeric_limits<double>::infinity();
  for (const double rows : kRows) {
    const double jobs = load.touched * std::max(1.0, each / rows + (each > rows ? 0.5 : 0.0)) *
                        std::ceil(p.columns / kColumns);
    const double lean = rows >= 128 ? 1.0 : (rows >= 64 ? 1.15 : c[small]);
    const double step =
        std::max(rows * flops * lean, kStep * kColumns * weight_bytes / (c[port] * 1e3));
    best = std::min(best, paid_waves(jobs / units, c[tail]) * (c[wave] + p.depth / kStep * step));
  }
  const double weights = load.touched * p.depth * p.columns * weight_bytes;
  const double fill = weights / (c[warm] * limits.cache);
  const double missed = 1.0 / (1.0 + std::pow(fill, -4.0));
  const double read = weights * std::max(missed, 0.3) / (limits.bandwidth * c[memory]);
  return blend_times(best, read, c[mix]);
}

double base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const Load load = load_of(s, c[touch], c[crowd]);
  // Rows of other ranks' experts are passed over, not free; own rows go in, between and out.
  const double all = s[0] * (s[4] + 2.0) * s[1] * 2.0;
  const double own = load.rows * (s[1] * 4.0 + s[2] * (2.0 + 2.0 * s[8]));
  const double moved = all / c[all_rate] + own / c[rows_rate];
  return c[launch] + product_time(limits, c, load, {s[1], s[8] * s[2]}, s[7]) +
         product_time(limits, c, load, {s[2], s[1]}, s[7]) + moved / limits.bandwidth;
}

// Kernels mask what does not fill their tiles; half of them need whole vectors as well. The rows an
// expert, from 20 on where the width is no multiple of 16 and -1 where it is one of 64.
double odd_width(double width, double rows) {
  constexpr double kVectors = 20;
  constexpr double kMostRows = 10;
  const double counted = std::clamp(rows, 0.0, kMostRows);
  if (std::fmod(width, 16.0) != 0) {
    return kVectors + counted;
  }
  return std::fmod(width, 64.0) != 0 ? counted : -1.0;
}

void along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  const Load load = load_of(s, 1.0, 0.0);
  values[0] = std::log2(s[0]);
  values[1] = std::log2(load.rows / load.touched);
  values[2] = std::log2(load.touched * s[1] * s[2]);
  values[3] = std::log2(s[2]);
  values[4] = s[6] > 0 ? std::log2(s[0]) : -1.0;
  values[5] = s[6] > 0 ? std::log2(s[5]) : -1.0;
  values[6] = std::log2(std::max(1.0, s[3] / s[5]));
  values[7] = odd_width(s[2], values[1]);
}

}  // namespace

const OperationModel& experts_model() {
  static const OperationModel kModel = {"experts",
                                        {{"launch", "us", 25, 1, 400},
                                         {"all_rows", "multiple of bandwidth", 1, 0.01, 50},
                                         {"own_rows", "multiple of bandwidth", 1, 0.01, 50},
                                         {"wave", "us", 2, 0.05, 100},
                                         {"compute", "share of peak", 0.5, 0.01, 2},
                                         {"memory", "share of bandwidth", 0.8, 0.05, 1.5},
                                         {"port", "GB/s a multiprocessor", 80, 1, 2000},
                                         {"blend", "exponent", 2, 1, 12},
                                         {"tail", "part", 0.7, 0, 1},
                                         {"touch", "part", 0.6, 0.05, 1},
                                         {"crowd", "exponent of ranks", 0.1, 0.001, 0.9},
                                         {"small", "multiple of a full tile's time", 2, 0.5, 20},
                                         {"warm", "share of L2", 0.7, 0.01, 4}},
                                        {{"tokens", {0, 4, 7, 10, 14}},
                                         {"rows an expert", {0, 3, 6, 8, 13}},
                                         {"weights", {16, 21, 24, 27, 30, 34}},
                                         {"width", {5, 8, 11, 14}},
                                         {"tokens, uneven", {-1, 0, 7, 14}},
                                         {"ranks, uneven", {-1, 0, 4, 8}},
                                         {"experts", {0, 3, 6, 9}},
                                         {"rows an expert, odd width", {-1, 0, 5, 10, 20, 25, 30}}},
                                        base,
                                        along,
                                        {{{{0, {0, 4, 7, 10, 14}}, {6, {0, 3, 6, 9}}}},
                                         {{{2, {16, 21, 25, 29, 34}}, {5, {-1, 0, 4, 8}}}},
                                         {{{1, {0, 3, 6, 8, 13}}, {5, {-1, 0, 4, 8}}}}}};
  return kModel;
}

}  // namespace lockstep
