// Flash attention. Prompts: tiles of 64 or 128 queries (of one head, or of the heads that share a
// key head where that packs better), each walking along its keys; a causal mask makes their walks
// unequal. Decodes: one tile a sequence and key head, long contexts split over idle
// multiprocessors and combined; the bytes of the cache set the pace of large ones.
#include <algorithm>
#include <cmath>

#include "perf/gpu_facts.hpp"
#include "perf/operations/operation_model.hpp"
#include "perf/operations/operation_sizes.hpp"
#include "perf/roofline.hpp"

namespace lockstep {
namespace {

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
  double cached = 0;  ///< of them, that every job has
};

// `packing`: how far the heads of a key head share tiles, 0 to 1. FlashAttention 2 does that for
// single tokens without a window only.
Work work_of(const Sizes& s, double queries, double packing) {
  const double group = s[3] / s[4];
  const double by_head = s[3] * std::ceil(s[1] / queries);
  const double together = std::min(by_head, s[4] * std::ceil(s[1] * group / queries));
  const bool always = s[1] <= 1.0 && s[6] <= 0;
  Work work;
  work.jobs = s[0] * by_head * std::pow(together / by_head, always ? 1.0 : packing);
  const double tiles = std::ceil(s[1] / queries);
  const double span = std::min(s[1], queries);
  work.keys = s[2] + (tiles + 1.0) / 2.0 * span;
  work.most_keys = s[2] + s[1];
  work.cached = s[2];
  if (s[6] > 0) {
    const double reach = s[6] + span;
    work.keys = work.most_keys <= reach ? work.keys : std::min(work.keys, reach);
    work.most_keys = std::min(work.most_keys, reach);
    work.cached = std::min(s[2], s[6]);
  }
  return work;
}

/// Single tokens in the same kernel: a tile for every sequence and query head.
struct Beside {
  double jobs = 0;
  double keys = 0;  ///< that each walks along
  double most_keys = 0;
  double transfer = 0;  ///< microseconds of their reads
};

double one_kernel(const GpuLimits& limits, std::span<const double> c, const Sizes& s,
                  const Beside& beside) {
  const Work work = work_of(s, limits.queries, c[packed]);
  const double rate = limits.flops / limits.multiprocessors * c[compute];
  const double key = 4.0 * limits.queries * s[5] / rate;
  const double jobs = work.jobs + beside.jobs;
  const double keys = (work.jobs * work.keys + beside.jobs * beside.keys) / jobs;
  const double waves = paid_waves(jobs / limits.multiprocessors, c[tail]);
  // Walks of one length come in whole waves: those of decodes, and of prompts along cached keys.
  const double cached_walk = key * work.cached * std::ceil(work.jobs / limits.multiprocessors);
  const double beside_walk =
      (c[tile] + key * beside.keys) * std::ceil(beside.jobs / limits.multiprocessors);
  const double longest_walk =
      c[longest] * (c[tile] + key * (work.most_keys - work.cached)) + key * work.cached;
  const double busy = std::max({(c[tile] + key * keys) * waves, longest_walk, cached_walk,
                                beside_walk, c[tile] + key * beside.most_keys});
  // What was just made may still lie in L2; keys of earlier steps do not.
  const double element = s[5] * 2.0 * s[7];
  const double fresh = s[0] * s[1] * (s[3] * s[5] * 4.0 + 2.0 * s[4] * element);
  const double old = s[0] * s[2] * s[4] * element;
  const double read = fresh * warm_pace(limits, c.subspan(memory), fresh + old) +
                      old / (limits.bandwidth * c[memory]) + beside.transfer;
  return c[launch] + blend_times(busy, read, c[mix]);
}

double base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  return one_kernel(limits, c, s, {});
}

void along(const GpuLimits& limits, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[1]);
  values[1] = std::log2(s[0] * s[3]);
  values[2] = std::log2(s[5]);
  const Work work = work_of(s, limits.queries, 1.0);
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

// Keys and values come from memory, at its rate at best.
double least(const GpuLimits& limits, const Sizes& s) {
  return cache_bytes(s) / limits.bandwidth;
}

}  // namespace generation

std::vector<double> head_sizes() {
  return {6, 7, 7.585, 8, 9};
}

std::vector<double> windows() {
  return {7, 10, 13, 16};
}

// Microseconds. The query heads of a key head read the same keys, from memory again unless they run
// at once or L2 holds the keys of a head.
double transfer_beside(const GpuFacts& gpu, const GpuLimits& limits, const HeadShape& heads,
                       double sequences, double keys) {
  const AnalyticCoefficients& c = gpu.coefficients;
  const double group = static_cast<double>(heads.heads) / static_cast<double>(heads.kv_heads);
  const double at_once = std::clamp(limits.multiprocessors / sequences, 1.0, group);
  const double reads = std::max(1.0, group / std::pow(at_once, c.attention_reuse));
  const double one_head = sequences * keys * 4.0 * static_cast<double>(heads.head_size);
  const double missed = miss_share(one_head, c.attention_cache * limits.cache);
  return one_head * static_cast<double>(heads.kv_heads) * (1.0 + missed * (reads - 1.0)) /
         (limits.bandwidth * c.attention_bandwidth);
}

}  // namespace

double decodes_beside_micros(const GpuFacts& gpu, const GpuLimits& limits,
                             std::span<const double> coefficients, const DecodesBeside& o) {
  const HeadShape& heads = o.prompts.heads;
  const auto seen = [&](std::int64_t tokens) {
    return static_cast<double>(heads.window > 0 ? std::min(tokens, heads.window) : tokens);
  };
  const double sequences = static_cast<double>(o.decodes);
  const double jobs = sequences * static_cast<double>(heads.heads);
  const double keys = seen(o.context);
  const context::Beside beside{jobs, keys, seen(std::max(o.context, o.longest_context)),
                               transfer_beside(gpu, limits, heads, sequences, keys)};
  const Sizes sizes = sizes_of(o.prompts);
  const double both = context::one_kernel(limits, coefficients, sizes, beside);
  // The grid is as deep as the longest prompt; a decode has work for its first tile only.
  const double empty = jobs * (std::ceil(static_cast<double>(o.longest) / limits.queries) - 1.0) /
                       limits.multiprocessors * gpu.coefficients.attention_empty;
  return std::max(both - context::base(limits, coefficients, sizes), 0.0) + empty;
}

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
                                         {{{1, {0, 4, 7, 10, 13}}, {5, windows()}}}},
                                        generation::least};
  return kModel;
}

}  // namespace lockstep
