// Flash attention. Prompts: tiles of 128 queries (of one head, or of the heads that share a key
// head where that packs better), each walking along its keys; a causal mask makes their walks
// unequal. Decodes: one tile a sequence and key head, long contexts split over idle
// multiprocessors and combined; the bytes of the cache set the pace of large ones.
#include <algorithm>
#include <cmath>

#include "perf/operations/operation_model.hpp"

namespace lockstep {
namespace {

constexpr double kQueries = 128;

/// Microseconds a byte of `bytes` that are used again and again. `c`: share of bandwidth, multiple
/// of that out of L2, share of L2 that holds them, how sharply they fall out of it (an exponent).
double warm_pace(const GpuLimits& limits, std::span<const double> c, double bytes) {
  const double missed = 1.0 / (1.0 + std::pow(bytes / (c[2] * limits.cache), -c[3]));
  return (missed + (1.0 - missed) / c[1]) / (limits.bandwidth * c[0]);
}

namespace context {

enum Index : std::uint8_t {
  launch,
  tile,
  compute,
  memory,
  cached,
  room,
  edge,
  mix,
  tail,
  longest,
  packed
};

struct Work {
  double jobs = 0;
  double keys = 0;  ///< that a job walks along, on average
  double most_keys = 0;
};

// `packing`: how far the heads of a key head share tiles, 0 to 1. FlashAttention 2 does that for
// single tokens without a window only.
Work work_of(const Sizes& s, double packing) {
  const double group = s[3] / s[4];
  const double by_head = s[3] * std::ceil(s[1] / kQueries);
  const double together = std::min(by_head, s[4] * std::ceil(s[1] * group / kQueries));
  const bool always = s[1] <= 1.0 && s[6] <= 0;
  Work work;
  work.jobs = s[0] * by_head * std::pow(together / by_head, always ? 1.0 : packing);
  const double tiles = std::ceil(s[1] / kQueries);
  const double span = std::min(s[1], kQueries);
  work.keys = s[2] + (tiles + 1.0) / 2.0 * span;
  work.most_keys = s[2] + s[1];
  if (s[6] > 0) {
    const double reach = s[6] + span;
    work.keys = work.most_keys <= reach ? work.keys : std::min(work.keys, reach);
    work.most_keys = std::min(work.most_keys, reach);
  }
  return work;
}

double base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const Work work = work_of(s, c[packed]);
  const double rate = limits.flops / limits.multiprocessors * c[compute];
  const double key = 4.0 * kQueries * s[5] / rate;
  const double mean = c[tile] + key * work.keys;
  const double load = work.jobs / limits.multiprocessors;
  const double busy =
      std::max(mean * paid_waves(load, c[tail]), c[longest] * (c[tile] + key * work.most_keys));
  // What was just made may still lie in L2; keys of earlier steps do not.
  const double element = s[5] * 2.0 * s[7];
  const double fresh = s[0] * s[1] * (s[3] * s[5] * 4.0 + 2.0 * s[4] * element);
  const double old = s[0] * s[2] * s[4] * element;
  const double read = fresh * warm_pace(limits, c.subspan(memory), fresh + old) +
                      old / (limits.bandwidth * c[memory]);
  return c[launch] + blend_times(busy, read, c[mix]);
}

void along(const GpuLimits& limits, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[1]);
  values[1] = std::log2(s[0] * s[3]);
  values[2] = std::log2(s[5]);
  const Work work = work_of(s, 1.0);
  values[3] = std::log2(work.jobs * work.keys * s[5]);
  values[4] = std::log2(s[3] / s[4]);
  values[5] = s[6] > 0 ? std::log2(s[6]) : 16.0;
  values[6] = std::log2(work.jobs / limits.multiprocessors);
  values[7] = std::log2(s[4]);
}

}  // namespace context

namespace generation {

enum Index : std::uint8_t {
  launch,
  tile,
  compute,
  combine,
  memory,
  cached,
  room,
  edge,
  mix,
  tail,
  alone,
};

double seen(const Sizes& s) {
  return s[5] > 0 ? std::min(s[1], s[5]) : s[1];
}

double cache_bytes(const Sizes& s) {
  return 2.0 * s[0] * seen(s) * s[3] * s[4] * s[6];
}

double base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  constexpr double kRows = 64;
  constexpr double kKeys = 64;
  const double keys = seen(s);
  const double group = s[2] / s[3];
  double jobs = s[0] * s[3] * std::ceil(group / kRows);
  double splits =
      std::clamp(std::floor(limits.multiprocessors / jobs), 1.0, std::ceil(keys / (4 * kKeys)));
  if (group <= 1.0 || s[5] > 0) {
    // FlashAttention 2 packs the heads of a key head and splits the keys only without a window,
    // and where there are several: else every query head is a job of its own.
    jobs *= std::pow(s[0] * s[2] / jobs, c[alone]);
    splits = std::pow(splits, 1.0 - c[alone]);
  }
  const double key = 4.0 * kRows * s[4] / (limits.flops / limits.multiprocessors * c[compute]);
  const double each = c[tile] + key * kKeys * std::ceil(keys / splits / kKeys);
  const double load = jobs * splits / limits.multiprocessors;
  const double compute_time = each * paid_waves(load, c[tail]);
  const double bytes = cache_bytes(s) + s[0] * s[2] * s[4] * 4.0;
  const double read = s[7] > 0 ? bytes * warm_pace(limits, c.subspan(memory), bytes)
                               : bytes / (limits.bandwidth * c[memory]);
  const double merge = splits > 1 ? c[combine] : 0.0;
  return c[launch] + merge + blend_times(compute_time, read, c[mix]);
}

void along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(cache_bytes(s));
  values[1] = std::log2(s[0] * s[3]);
  values[2] = std::log2(seen(s));
  values[3] = std::log2(s[4]);
  values[4] = std::log2(s[2] / s[3]);
  values[5] = s[5] > 0 ? std::log2(s[5]) : 16.0;
}

}  // namespace generation

std::vector<double> head_sizes() {
  return {6, 7, 7.585, 8, 9};
}

std::vector<double> windows() {
  return {7, 10, 13, 16};
}

}  // namespace

const OperationModel& context_attention_model() {
  static const OperationModel kModel = {
      "context_attention",
      {{"launch", "us", 6, 0.5, 100},
       {"tile", "us", 1, 0.05, 50},
       {"compute", "share of peak", 0.6, 0.01, 2},
       {"memory", "share of bandwidth", 0.8, 0.05, 10},
       {"cached", "multiple of memory's rate", 2.0, 1, 10},
       {"room", "share of L2", 0.9, 0.1, 4},
       {"edge", "exponent", 4, 2, 40},
       {"blend", "exponent", 2, 1, 12},
       {"tail", "part", 0.7, 0, 1},
       {"longest", "part", 0.8, 0, 2},
       {"packed", "part", 0.7, 0, 1}},
      {{"tokens", {0, 4, 7, 9, 14}},
       {"batch x heads", {0, 5, 8, 12}},
       {"head size", head_sizes()},
       {"work", {10, 20, 24, 27, 30, 36}},
       {"heads a key head", {0, 2, 4, 6}},
       {"window", windows()},
       {"tiles a multiprocessor", {-7, -3, -2, -1, 0, 1, 2, 4, 10}},
       {"KV heads", {0, 2, 4, 6}}},
      context::base,
      context::along,
      {{{{2, head_sizes()}, {3, {10, 20, 25, 30, 36}}}},
       {{{0, {0, 4, 7, 9, 14}}, {1, {0, 5, 8, 12}}}},
       {{{3, {10, 20, 25, 30, 36}}, {4, {0, 2, 4, 6}}}}}};
  return kModel;
}

const OperationModel& generation_attention_model() {
  static const OperationModel kModel = {"generation_attention",
                                        {{"launch", "us", 5, 0.5, 100},
                                         {"tile", "us", 1, 0.05, 50},
                                         {"compute", "share of peak", 0.3, 0.005, 2},
                                         {"combine", "us", 2, 0.01, 50},
                                         {"memory", "share of bandwidth", 0.85, 0.05, 1.2},
                                         {"cached", "multiple of memory's rate", 2.0, 1, 10},
                                         {"room", "share of L2", 0.9, 0.1, 4},
                                         {"edge", "exponent", 4, 2, 40},
                                         {"blend", "exponent", 2, 1, 12},
                                         {"tail", "part", 0.7, 0, 1},
                                         {"alone", "part", 0.3, 0, 1}},
                                        {{"cache bytes", {9, 16, 20, 23, 26, 28, 32}},
                                         {"batch x KV heads", {0, 4, 7, 10, 13}},
                                         {"context", {0, 6, 10, 14, 17}},
                                         {"head size", head_sizes()},
                                         {"heads a key head", {0, 2, 4, 6}},
                                         {"window", windows()}},
                                        generation::base,
                                        generation::along,
                                        {{{{0, {9, 16, 20, 24, 28, 32}}, {4, {0, 2, 4, 6}}}},
                                         {{{1, {0, 4, 7, 10, 13}}, {5, windows()}}}}};
  return kModel;
}

}  // namespace lockstep
