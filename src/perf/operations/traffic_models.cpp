// Kernels that move data and compute little, and collectives: a latency, then bytes at a rate.
#include <algorithm>
#include <cmath>

#include "perf/operations/operation_model.hpp"

namespace lockstep {
namespace {

enum Traffic : std::uint8_t { launch, rate };

double quantise_base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  return c[launch] + 3.0 * s[0] * s[1] / (limits.bandwidth * c[rate]);
}

void quantise_along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[0] * s[1]);
  values[1] = std::log2(s[0]);
}

double convolution_base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const double bytes = s[0] * s[1] * (2.0 * s[2] + s[3]) * s[4] * 4.0;
  return c[launch] + bytes / (limits.bandwidth * c[rate]);
}

void convolution_along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[0] * s[1] * (2.0 * s[2] + s[3]));
  values[1] = std::log2(s[1]);
  values[2] = std::log2(s[0]);
}

enum Rule : std::uint8_t { rule_launch, chunk, rule_rate, rule_compute, rule_mix };

// A value head's state is carried from chunk to chunk of 64 tokens; sequences and heads at once.
double rule_base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const double chunks = std::ceil(s[1] / 64.0);
  const double walk = paid_waves(s[0] * s[3] / limits.multiprocessors, 0.7) * chunks * c[chunk];
  const double bytes =
      s[0] * s[1] * (2.0 * s[2] + 2.0 * s[3]) * s[4] * 2.0 + s[0] * s[3] * s[4] * s[4] * 8.0;
  const double flops = s[0] * s[1] * s[3] * s[4] * s[4] * 8.0;
  const double flow =
      std::max(bytes / (limits.bandwidth * c[rule_rate]), flops / (limits.flops * c[rule_compute]));
  return c[rule_launch] + blend_times(walk, flow, c[rule_mix]);
}

void rule_along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(s[1]);
  values[1] = std::log2(s[0] * s[3]);
  values[2] = std::log2(s[0] * s[1] * s[3]);
}

enum Collective : std::uint8_t { latency, hop, link, full, collective_mix };

// Bytes that a rank sends over those of its buffer: (n - 1) / n, the same for every collective up
// to a factor that the link's rate takes in.
double collective_base(const GpuLimits& limits, std::span<const double> c, const Sizes& s) {
  const double others = s[1] - 1.0;
  const double sent = s[0] * others / s[1];
  const double pace = c[link] * limits.link * std::pow(s[1] / 8.0, c[full]);
  return blend_times(c[latency] + c[hop] * others, sent / pace, c[collective_mix]);
}

void collective_along(const GpuLimits& /*limits*/, const Sizes& s, std::span<double> values) {
  values[0] = std::log2(std::max(s[0], 1.0));
  values[1] = std::log2(s[1]);
}

}  // namespace

const OperationModel& quantise_model() {
  static const OperationModel kModel = {
      "quantise",
      {{"launch", "us", 2, 0.01, 100}, {"rate", "multiple of bandwidth", 1, 0.01, 30}},
      {{"elements", {5, 16, 20, 24, 31}}, {"tokens", {0, 4, 7, 10, 13, 15}}},
      quantise_base,
      quantise_along};
  return kModel;
}

const OperationModel& convolution_model() {
  static const OperationModel kModel = {
      "convolution",
      {{"launch", "us", 2, 0.1, 100}, {"rate", "multiple of bandwidth", 1, 0.001, 30}},
      {{"elements", {0, 10, 15, 19, 24}}, {"tokens", {0, 7, 15}}, {"batch", {0, 5, 10}}},
      convolution_base,
      convolution_along};
  return kModel;
}

const OperationModel& delta_rule_model() {
  static const OperationModel kModel = {
      "delta_rule",
      {{"launch", "us", 5, 0.1, 200},
       {"chunk", "us", 1, 0.01, 100},
       {"rate", "multiple of bandwidth", 0.7, 0.01, 10},
       {"compute", "share of peak", 0.3, 0.001, 2},
       {"blend", "exponent", 2, 1, 12}},
      {{"tokens", {0, 6, 10, 15}}, {"batch x heads", {0, 5, 9, 16}}, {"work", {0, 10, 17, 24}}},
      rule_base,
      rule_along};
  return kModel;
}

const OperationModel& collective_model() {
  static const OperationModel kModel = {
      "collective",
      {{"latency", "us", 4, 0.1, 500},
       {"hop", "us a rank", 0.5, 0.001, 100},
       {"link", "share of bandwidth", 0.5, 0.01, 5},
       {"full", "exponent of ranks", 0.05, 0.001, 2},
       {"blend", "exponent", 2, 0.3, 12}},
      {{"bytes", {8, 13, 16, 18, 20, 22, 24, 26, 30}}, {"ranks", {1, 2, 3}}},
      collective_base,
      collective_along};
  return kModel;
}

}  // namespace lockstep
