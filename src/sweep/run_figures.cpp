#include "sweep/run_figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "report/statistics.hpp"

namespace lockstep {
namespace {

constexpr std::array kNames = std::to_array<std::string_view>({
    "requests",           "npus",           "makespan_s",
    "request_rate_rps",   "prompt_tps",     "generated_tps",
    "ttft_mean_ms",       "ttft_p50_ms",    "ttft_p90_ms",
    "ttft_p95_ms",        "ttft_p99_ms",    "tpot_mean_ms",
    "tpot_p50_ms",        "tpot_p90_ms",    "tpot_p95_ms",
    "tpot_p99_ms",        "itl_mean_ms",    "itl_p50_ms",
    "itl_p90_ms",         "itl_p95_ms",     "itl_p99_ms",
    "latency_mean_ms",    "latency_p50_ms", "latency_p90_ms",
    "latency_p95_ms",     "latency_p99_ms", "queue_mean_ms",
    "queue_p50_ms",       "queue_p90_ms",   "queue_p95_ms",
    "queue_p99_ms",       "goodput",        "goodput_rps",
    "weights_gib",        "kv_tokens",      "kv_peak",
    "prefix_hit",         "preemptions",    "energy_j",
    "energy_per_token_j", "steps",          "analytic",
    "extrapolated",       "warnings",
});

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double ratio(double part, double whole) {
  return whole > 0 ? part / whole : kNone;
}

double real(std::int64_t count) {
  return static_cast<double>(count);
}

struct Samples {
  std::vector<Nanos> ttft, tpot, itl, latency, queue;
  std::int64_t requests = 0;
  std::int64_t good = 0;

  void add(const Request& request, const ServiceLevel& promise) {
    const auto take = [](std::vector<Nanos>& list, Nanos value) {
      if (value >= Nanos{}) {  // not stamped: the prompt was skipped
        list.push_back(value);
      }
    };
    take(ttft, request.ttft);
    take(tpot, request.tpot);
    take(latency, request.latency);
    take(queue, request.queuing_delay);
    itl.insert(itl.end(), request.itl.begin(), request.itl.end());
    ++requests;
    good += promise.kept_by(request) ? 1 : 0;
  }
};

void add_latencies(std::vector<double>& values, std::vector<Nanos>& samples) {
  constexpr std::array kShares = {0.5, 0.9, 0.95, 0.99};
  constexpr double kMs = 1e6;
  values.push_back(samples.empty() ? kNone : mean(samples) / kMs);
  for (const double share : kShares) {
    values.push_back(samples.empty() ? kNone : percentile(samples, share) / kMs);
  }
}

/// The instance that has the least room decides: largest weights, fewest tokens, fullest pool.
void add_memory(std::vector<double>& values, const RunResult& result, const FigureInputs& inputs) {
  double weights = 0;
  double peak = 0;
  double tokens = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < inputs.kv.size(); ++i) {
    const NpuKvLayout& layout = inputs.kv[i];
    weights = std::max(weights, real(layout.weight_bytes.count()) / real(kGiB));
    tokens = std::min(tokens, real(layout.tokens()));
    peak = std::max(peak, ratio(real(result.peak_kv_blocks[i]), real(layout.blocks)));
  }
  values.insert(values.end(), {weights, tokens, peak});
}

void add_costs(std::vector<double>& values, const RunResult& result, std::int64_t warnings) {
  const PrefixTotals& prefix = result.prefix;
  values.push_back(prefix.any_caching
                       ? ratio(real(prefix.npu_hit + prefix.lower_hit), real(prefix.requested))
                       : kNone);
  values.push_back(real(result.preemptions));
  const bool power = !result.energy.empty();
  values.push_back(power ? result.total_energy : kNone);
  values.push_back(power ? ratio(result.total_energy, real(result.generated_tokens)) : kNone);
  values.push_back(real(result.steps));
  double lookups = 0;
  for (const std::int64_t count : result.lookups.by_source) {
    lookups += real(count);
  }
  values.push_back(ratio(real(result.lookups.of(TimeSource::analytic)), lookups));
  values.push_back(ratio(real(result.lookups.of(TimeSource::extrapolated)), lookups));
  values.push_back(real(warnings));
}

}  // namespace

std::span<const std::string_view> figure_names() {
  return kNames;
}

std::size_t figure_index(std::string_view name) {
  const auto found = std::find(kNames.begin(), kNames.end(), name);
  ensure(found != kNames.end(), "figure_index: no figure of this name");
  return static_cast<std::size_t>(found - kNames.begin());
}

RunFigures run_figures(const RunResult& result, const FigureInputs& inputs) {
  Samples samples;
  for (const auto& done : result.done) {
    for (const Request* request : done) {
      samples.add(*request, inputs.promise);
    }
  }
  const double seconds = real(result.total_clocks.count()) / 1e9;
  std::vector<double> values = {real(samples.requests),
                                real(inputs.cluster.total_npus()),
                                seconds,
                                ratio(real(samples.requests), seconds),
                                ratio(real(result.prompt_tokens), seconds),
                                ratio(real(result.generated_tokens), seconds)};
  for (auto* list :
       {&samples.ttft, &samples.tpot, &samples.itl, &samples.latency, &samples.queue}) {
    add_latencies(values, *list);
  }
  const bool promised = inputs.promise.any();
  values.push_back(promised ? ratio(real(samples.good), real(samples.requests)) : kNone);
  values.push_back(promised ? ratio(real(samples.good), seconds) : kNone);
  add_memory(values, result, inputs);
  add_costs(values, result, inputs.warnings);
  ensure(values.size() == kNames.size(), "run_figures: one value a name");
  return {std::move(values)};
}

}  // namespace lockstep
