#include "perf/roofline.hpp"

#include <algorithm>
#include <cmath>

#include "base/units.hpp"

namespace lockstep {
namespace {

constexpr double kTile = 64;          // queries, and keys, of an attention tile
constexpr double kGemmTile = 128;     // rows and columns of a dense layer's tile
constexpr double kMissSharpness = 8;  // a cyclic working set misses soon after it outgrows a cache

double blend(double a, double b, double p) {
  const double larger = std::max(a, b);
  if (larger <= 0) {
    return 0;
  }
  return larger * std::pow(1.0 + std::pow(std::min(a, b) / larger, p), 1.0 / p);
}

double activation_bytes(DataType weights) {
  return weights == DataType::float32 ? 4.0 : 2.0;
}

double bytes_per_micro(const GpuFacts& gpu) {
  return gpu.bandwidth * 1e3;
}

double flops_per_micro(const GpuFacts& gpu, DataType type) {
  return gpu.peak(type) * 1e6;
}

double l2_bytes(const GpuFacts& gpu) {
  return gpu.l2_mb * static_cast<double>(kMiB);
}

// Waves that `waves` full multiprocessor loads take; `paid` of the last one's idle part counts.
double paid_waves(double waves, double paid) {
  return waves <= 1 ? 1.0 : waves + paid * (std::ceil(waves) - waves);
}

struct Tiles {
  double work = 0;     ///< microseconds over all tiles
  double longest = 0;  ///< microseconds of the longest tile
};

double makespan(const Tiles& tiles, double multiprocessors, double tail) {
  if (tiles.longest <= 0) {
    return 0;
  }
  return tiles.longest * paid_waves(tiles.work / (tiles.longest * multiprocessors), tail);
}

double key_tiles(double keys) {
  return std::max(1.0, std::ceil(keys / kTile));
}

}  // namespace

double miss_share(double bytes, double room) {
  return bytes <= 0 ? 0.0 : 1.0 / (1.0 + std::pow(room / bytes, kMissSharpness));
}

double gemm_micros(const GpuFacts& gpu, const GemmShape& shape, DataType weights) {
  const AnalyticCoefficients& c = gpu.coefficients;
  const double bytes =
      shape.inner * shape.columns * static_cast<double>(bytes_per_element(weights)) +
      shape.rows * (shape.inner + shape.columns) * activation_bytes(weights);
  const double memory = bytes / (bytes_per_micro(gpu) * c.gemm_bandwidth);
  const double row_tiles = std::ceil(shape.rows / kGemmTile);
  const double rows = shape.rows + c.gemm_tile * (row_tiles * kGemmTile - shape.rows);
  const double multiprocessors = static_cast<double>(gpu.multiprocessors);
  const double waves =
      std::ceil(row_tiles * std::ceil(shape.columns / kGemmTile) / multiprocessors);
  // Outputs that are paid for: between those asked for and those of whole waves of tiles.
  const double outputs = (1.0 - c.gemm_wave) * rows * shape.columns +
                         c.gemm_wave * waves * multiprocessors * kGemmTile * kGemmTile;
  const double compute =
      2.0 * outputs * shape.inner / (flops_per_micro(gpu, weights) * c.gemm_compute);
  return c.gemm_launch + blend(compute, memory, c.gemm_blend);
}

double streaming_micros(const GpuFacts& gpu, double bytes, double launch, double rate) {
  const AnalyticCoefficients& c = gpu.coefficients;
  const double spilt = std::max(0.0, bytes - c.chip_share * l2_bytes(gpu));
  return launch + bytes / (bytes_per_micro(gpu) * rate) +
         spilt / (bytes_per_micro(gpu) * c.spill_rate);
}

double moe_micros(const GpuFacts& gpu, const MoeShape& shape, DataType weights) {
  const AnalyticCoefficients& c = gpu.coefficients;
  const double per_expert = 3.0 * shape.hidden * shape.intermediate;
  const double bytes = shape.experts * per_expert * static_cast<double>(bytes_per_element(weights));
  const double miss = miss_share(bytes, l2_bytes(gpu));
  const double memory =
      bytes / (bytes_per_micro(gpu) * c.moe_bandwidth) * (miss + (1.0 - miss) * c.moe_warm);
  const double compute = 2.0 * shape.tokens * shape.top_k * per_expert /
                         (flops_per_micro(gpu, weights) * c.moe_compute);
  return c.moe_launch + blend(compute, memory, c.moe_blend);
}

namespace {

struct AttentionCosts {
  double tile = 0;       ///< microseconds per tile
  double key_tile = 0;   ///< microseconds per tile of keys
  double key_bytes = 0;  ///< of one token's keys and values in one key head
};

AttentionCosts attention_costs(const GpuFacts& gpu, const AttentionHeads& heads) {
  const double dim = static_cast<double>(heads.dim);
  const double peak =
      flops_per_micro(gpu, DataType::bfloat16) / static_cast<double>(gpu.multiprocessors);
  return {gpu.coefficients.attention_tile,
          4.0 * kTile * kTile * dim / (peak * gpu.coefficients.attention_compute),
          2.0 * dim * static_cast<double>(heads.kv_bytes)};
}

// Only decodes: contexts are split so that every multiprocessor has a tile.
double decode_micros(const GpuFacts& gpu, const AttentionHeads& heads, double decodes, double kv) {
  const AnalyticCoefficients& c = gpu.coefficients;
  const AttentionCosts costs = attention_costs(gpu, heads);
  const double multiprocessors = static_cast<double>(gpu.multiprocessors);
  const double group = static_cast<double>(heads.query) / static_cast<double>(heads.key_value);
  const double tiles = decodes * static_cast<double>(heads.key_value) * std::ceil(group / kTile);
  const double splits = std::clamp(std::floor(multiprocessors / tiles), 1.0, key_tiles(kv));
  const double each = costs.tile + costs.key_tile * std::ceil(key_tiles(kv) / splits);
  const double compute = makespan({tiles * splits * each, each}, multiprocessors, c.attention_tail);
  const double memory = decodes * kv * static_cast<double>(heads.key_value) * costs.key_bytes /
                        (bytes_per_micro(gpu) * c.attention_bandwidth);
  const double combine = decodes > 1 || kv > kTile ? c.attention_combine : 0.0;
  return c.attention_launch + combine + blend(compute, memory, c.attention_blend);
}

// Bytes that decodes read beside a prefill: query heads of one key head read the same keys, from
// memory again unless they run at once or the cache holds them.
double mixed_decode_bytes(const GpuFacts& gpu, const AttentionHeads& heads, double decodes,
                          double kv, double key_bytes) {
  const AnalyticCoefficients& c = gpu.coefficients;
  const double group = static_cast<double>(heads.query) / static_cast<double>(heads.key_value);
  const double at_once =
      std::clamp(static_cast<double>(gpu.multiprocessors) / std::max(decodes, 1.0), 1.0, group);
  const double reads = std::max(1.0, group / std::pow(at_once, c.attention_reuse));
  const double one_head = decodes * kv * key_bytes;
  const double miss = miss_share(one_head, c.attention_cache * l2_bytes(gpu));
  return one_head * static_cast<double>(heads.key_value) * (1.0 + miss * (reads - 1.0));
}

double mixed_micros(const GpuFacts& gpu, const AttentionHeads& heads, const AttentionShape& shape) {
  const AnalyticCoefficients& c = gpu.coefficients;
  const AttentionCosts costs = attention_costs(gpu, heads);
  const double multiprocessors = static_cast<double>(gpu.multiprocessors);
  const double query_heads = static_cast<double>(heads.query);
  const double chunk = static_cast<double>(shape.prefill_chunk);
  const double cached = static_cast<double>(shape.kv_prefill);
  const double decodes = static_cast<double>(shape.n_decode);
  const double kv_decode = static_cast<double>(shape.kv_decode_mean);
  const double query_tiles = std::ceil(chunk / kTile);
  // Tile i sees the cached keys and those of the chunk up to its own end: an arithmetic series.
  const double mean_keys = cached / kTile + (query_tiles + 1.0) / 2.0;
  const double longest_prefill = costs.tile + costs.key_tile * key_tiles(cached + chunk);
  const auto decode_tile = [&](double kv) {
    return decodes > 0 ? costs.tile + costs.key_tile * key_tiles(kv) : 0.0;
  };
  const double longest_decode =
      decode_tile(std::max(kv_decode, static_cast<double>(shape.kv_decode_max)));
  const double work = query_heads * (query_tiles * (costs.tile + costs.key_tile * mean_keys) +
                                     decodes * decode_tile(kv_decode));
  const double compute = makespan({work, std::max(longest_prefill, longest_decode)},
                                  multiprocessors, c.attention_tail);
  const double bytes = mixed_decode_bytes(gpu, heads, decodes, kv_decode, costs.key_bytes) +
                       (cached + chunk) * static_cast<double>(heads.key_value) * costs.key_bytes;
  const double memory = bytes / (bytes_per_micro(gpu) * c.attention_bandwidth);
  const double empty = decodes * (query_tiles - 1.0) * query_heads / multiprocessors;
  return c.attention_launch + blend(compute, memory, c.attention_blend) + c.attention_empty * empty;
}

}  // namespace

double attention_micros(const GpuFacts& gpu, const AttentionHeads& heads,
                        const AttentionShape& shape) {
  if (shape.prefill_chunk > 0) {
    return mixed_micros(gpu, heads, shape);
  }
  if (shape.n_decode > 0) {
    return decode_micros(gpu, heads, static_cast<double>(shape.n_decode),
                         static_cast<double>(shape.kv_decode_mean));
  }
  return gpu.coefficients.attention_launch;
}

}  // namespace lockstep
