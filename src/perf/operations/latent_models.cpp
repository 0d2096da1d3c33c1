// Latent attention of DeepSeek-V3's dimensions: projections (their weights or their arithmetic),
// then attention: of prompts with full heads, of decodes in the latent space that all heads share.
#include <algorithm>
#include <cmath>

#include "perf/operations/operation_model.hpp"

namespace lockstep {
namespace {

constexpr double kHidden = 7168;
constexpr double kQueryRank = 1536;
constexpr double kLatent = 512;
constexpr double kRotary = 64;
constexpr double kHead = 128;

double projection_weights(double heads) {
  return kHidden * (kQueryRank + kLatent + kRotary) + kQueryRank * heads * (kHead + kRotary) +
         kLatent * heads * 2.0 * kHead + heads * kHead * kHidden;
}

double attention_flops(const Sizes& s) {
  const double context = s[2] + s[1];
  if (s[1] <= 1) {
    return 2.0 * s[0] * s[3] * (2.0 * kLatent + kRotary) * context;
  }
  const double pairs = s[1] * (s[2] + (s[1] + 1.0) / 2.0);
  return 2.0 * s[0] * s[3] * (2.0 * kHead + kRotary) * pairs;
}

double cache_bytes(const Sizes& s) {
  return s[0] * (s[1] + s[2]) * (kLatent + kRotary) * s[5];
}

enum Index : std::uint8_t { launch, compute, memory, mix, attention, cached, tile, moved };

double kernel_time(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const double compute_time = attention_flops(s) / (limits.flops * c[attention]);
  const double read = cache_bytes(s) / (limits.bandwidth * c[cached]);
  const double jobs = s[0] * std::ceil(s[3] * s[1] / 64.0) / limits.multiprocessors;
  return c[tile] * paid_waves(jobs, 0.3) + blend_times(compute_time, read, c[mix]);
}

double module_base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const double tokens = s[0] * s[1];
  const double weights = projection_weights(s[3]);
  const double compute_time = 2.0 * tokens * weights / (limits.flops * c[compute]);
  const double read = weights * s[4] / (limits.bandwidth * c[memory]);
  const double rows = tokens * (2.0 * kHidden + s[3] * 1200.0) * 2.0;
  return c[launch] + blend_times(compute_time, read, c[mix]) + kernel_time(limits, c, s) +
         rows / (limits.bandwidth * c[moved]);
}

double kernel_base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const double rows = s[0] * s[1] * s[3] * 1200.0;
  return c[launch] + kernel_time(limits, c, s) + rows / (limits.bandwidth * c[moved]);
}

void along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[0] * s[1]);
  values[1] = std::log2(s[3]);
  values[2] = std::log2(s[1] + s[2]);
  values[3] = std::log2(attention_flops(s));
  values[4] = s[5];
}

std::vector<CoefficientSpec> specs() {
  return {{"launch", "us", 40, 1, 500},
          {"compute", "share of peak", 0.6, 0.01, 2},
          {"memory", "share of bandwidth", 0.8, 0.05, 10},
          {"blend", "exponent", 2, 1, 12},
          {"attention", "share of peak", 0.4, 0.005, 2},
          {"cached", "share of bandwidth", 0.8, 0.02, 10},
          {"tile", "us", 1, 0.01, 100},
          {"moved", "multiple of bandwidth", 0.8, 0.02, 30}};
}

std::vector<SaturationAxis> axes() {
  return {{"tokens", {0, 5, 8, 11, 17}},
          {"heads", {0, 3, 7}},
          {"context", {0, 8, 12, 17}},
          {"attention work", {18, 28, 34, 40, 46}},
          {"bytes of a cached value", {1, 2}}};
}

// Sizes: tokens, heads.
double absorption_base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const double compute_time = 2.0 * s[0] * s[1] * kHead * kLatent / (limits.flops * c[1]);
  const double bytes = (s[1] * kHead * kLatent + s[0] * s[1] * (kHead + kLatent)) * 2.0;
  return c[0] + blend_times(compute_time, bytes / (limits.bandwidth * c[2]), c[3]);
}

void absorption_along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[0]);
  values[1] = std::log2(s[1]);
}

}  // namespace

const OperationModel& latent_module_model() {
  static const OperationModel kModel = {"latent_module", specs(), axes(), module_base, along};
  return kModel;
}

const OperationModel& latent_kernel_model() {
  static const OperationModel kModel = {"latent_kernel", specs(), axes(), kernel_base, along};
  return kModel;
}

const OperationModel& latent_absorption_model() {
  static const OperationModel kModel = {"latent_absorption",
                                        {{"launch", "us", 3, 0.5, 100},
                                         {"compute", "share of peak", 0.5, 0.01, 2},
                                         {"memory", "share of bandwidth", 0.8, 0.05, 20},
                                         {"blend", "exponent", 2, 1, 12}},
                                        {{"tokens", {0, 6, 9, 15}}, {"heads", {0, 3, 7}}},
                                        absorption_base,
                                        absorption_along};
  return kModel;
}

}  // namespace lockstep
