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

namespace context {

enum Index : std::uint8_t { launch, tile, compute, memory, mix, tail, longest };

struct Work {
  double jobs = 0;
  double keys = 0;  ///< that a job walks along, on average
  double most_keys = 0;
};

Work work_of(const Sizes& s) {
  const double group = s[3] / s[4];
  const double by_head = s[3] * std::ceil(s[1] / kQueries);
  const double packed = s[4] * std::ceil(s[1] * group / kQueries);
  Work work;
  work.jobs = s[0] * std::min(by_head, packed);
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
  const Work work = work_of(s);
  const double rate = limits.flops / limits.multiprocessors * c[compute];
  const double key = 4.0 * kQueries * s[5] / rate;
  const double mean = c[tile] + key * work.keys;
  const double load = work.jobs / limits.multiprocessors;
  const double busy =
      std::max(mean * paid_waves(load, c[tail]), c[longest] * (c[tile] + key * work.most_keys));
  const double rows = s[0] * s[1];
  const double bytes =
      rows * s[3] * s[5] * 4.0 + s[0] * (s[1] * 2.0 + s[2]) * s[4] * s[5] * 2.0 * s[7];
  return c[launch] + blend_times(busy, bytes / (limits.bandwidth * c[memory]), c[mix]);
}

void along(const GpuLimits& limits, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[1]);
  values[1] = std::log2(s[0] * s[3]);
  values[2] = std::log2(s[5]);
  const Work work = work_of(s);
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
  mix,
  tail,
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
  const double jobs = s[0] * s[3] * std::ceil(group / kRows);
  const double splits =
      std::clamp(std::floor(limits.multiprocessors / jobs), 1.0, std::ceil(keys / (4 * kKeys)));
  const double key = 4.0 * kRows * s[4] / (limits.flops / limits.multiprocessors * c[compute]);
  const double each = c[tile] + key * kKeys * std::ceil(keys / splits / kKeys);
  const double load = jobs * splits / limits.multiprocessors;
  const double compute_time = each * paid_waves(load, c[tail]);
  const double bytes = cache_bytes(s) + s[0] * s[2] * s[4] * 4.0;
  const double fill = bytes / (c[room] * limits.cache);
  const double missed = s[7] > 0 ? 1.0 / (1.0 + std::pow(fill, -4.0)) : 1.0;
  const double pace = missed / c[memory] + (1.0 - missed) / (c[memory] * c[cached]);
  const double read = bytes * pace / limits.bandwidth;
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

const std::vector<double> kHeadSizes = {6, 7, 7.585, 8, 9};
const std::vector<double> kWindows = {7, 10, 13, 16};

}  // namespace

const OperationModel& context_attention_model() {
  static const OperationModel kModel = {
      "context_attention",
      {{"launch", "us", 6, 0.5, 100},
       {"tile", "us", 1, 0.05, 50},
       {"compute", "share of peak", 0.6, 0.01, 2},
       {"memory", "share of bandwidth", 0.8, 0.05, 10},
       {"blend", "exponent", 2, 1, 12},
       {"tail", "part", 0.7, 0, 1},
       {"longest", "part", 0.8, 0, 2}},
      {{"tokens", {0, 4, 7, 9, 14}},
       {"batch x heads", {0, 5, 8, 12}},
       {"head size", kHeadSizes},
       {"work", {10, 20, 24, 27, 30, 36}},
       {"heads a key head", {0, 2, 4, 6}},
       {"window", kWindows},
       {"tiles a multiprocessor", {-7, -3, -2, -1, 0, 1, 2, 4, 10}},
       {"KV heads", {0, 2, 4, 6}}},
      context::base,
      context::along};
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
                                         {"blend", "exponent", 2, 1, 12},
                                         {"tail", "part", 0.7, 0, 1}},
                                        {{"cache bytes", {9, 16, 20, 23, 26, 28, 32}},
                                         {"batch x KV heads", {0, 4, 7, 10, 13}},
                                         {"context", {0, 6, 10, 14, 17}},
                                         {"head size", kHeadSizes},
                                         {"heads a key head", {0, 2, 4, 6}},
                                         {"window", kWindows}},
                                        generation::base,
                                        generation::along};
  return kModel;
}

}  // namespace lockstep
