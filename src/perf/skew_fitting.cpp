#include "perf/skew_fitting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <tuple>
#include <utility>

namespace lockstep {
namespace {

constexpr std::int64_t kBeyondDecodes = 1'000'000;
constexpr std::int64_t kBeyondContext = 1'000'000'000;

/// Decimal rounding of the exact binary value, as Python's round(x, 4).
double round4(double value) {
  return std::strtod(fmt::format("{:.4f}", value).c_str(), nullptr);
}

/// 512, 1k, 2k, 1500.
std::string short_count(std::int64_t value) {
  return value >= 1024 && value % 1024 == 0 ? fmt::format("{}k", value / 1024)
                                            : fmt::format("{}", value);
}

std::vector<SkewSample> valid_of(std::span<const SkewSample> samples) {
  std::vector<SkewSample> valid;
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(valid),
               [](const SkewSample& sample) { return sample.valid; });
  return valid;
}

/// A bin up to each of `bounds` and one beyond the last.
void add_bins(SkewAxis& axis, const std::string& prefix, const std::vector<std::int64_t>& bounds,
              std::int64_t beyond, std::string (*text)(std::int64_t)) {
  for (const std::int64_t bound : bounds) {
    axis.edges.push_back(static_cast<double>(bound));
    axis.labels.push_back(fmt::format("{}<={}", prefix, text(bound)));
  }
  axis.edges.push_back(static_cast<double>(beyond));
  const std::int64_t last = bounds.empty() ? 0 : bounds.back();
  axis.labels.push_back(fmt::format("{}>{}", prefix, text(last)));
}

std::vector<std::int64_t> context_bounds(std::int64_t largest) {
  std::vector<std::int64_t> bounds;
  for (std::int64_t bound = 1024; bound <= largest; bound *= 4) {
    bounds.push_back(bound);
  }
  if (bounds.empty()) {
    bounds.push_back(1024);
  }
  if (largest > bounds.back()) {
    bounds.push_back(largest);
  }
  return bounds;
}

/// Sums of one bucket.
struct LeastSquares {
  double cross = 0, square = 0;
  std::int64_t samples = 0;

  void add(const SkewSample& sample) {
    const double dtm = sample.t_max - sample.t_mean;
    cross += dtm * (sample.t_skew - sample.t_mean);
    square += dtm * dtm;
    ++samples;
  }
  [[nodiscard]] double alpha() const { return round4(square == 0.0 ? 0.0 : cross / square); }
};

using BucketKey = std::tuple<std::int64_t, std::string, std::string, std::string, std::string>;

BucketKey key_of(const SkewAxes& axes, const SkewSample& sample) {
  const auto label = [](const SkewAxis& axis, double value) {
    return axis.labels[axis.index_of(value)];
  };
  return {sample.prefill_chunk, label(axes.decodes, static_cast<double>(sample.decodes)),
          label(axes.skew_rate, sample.skew_rate()),
          label(axes.kv_largest, static_cast<double>(sample.kv_large)),
          label(axes.kv_prefill, static_cast<double>(sample.kv_prefill))};
}

double quantile(const std::vector<double>& sorted, double fraction) {
  const double rank = static_cast<double>(sorted.size() - 1) * fraction;
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (rank - std::floor(rank));
}

SkewFitErrors errors_of(const std::vector<SkewSample>& samples, const SkewAxes& axes,
                        const std::map<BucketKey, double>& alphas) {
  std::vector<double> relative;
  double sum = 0;
  for (const SkewSample& sample : samples) {
    const double alpha = alphas.at(key_of(axes, sample));
    const double predicted = sample.t_mean + alpha * (sample.t_max - sample.t_mean);
    const double error = (predicted - sample.t_skew) / sample.t_skew;
    sum += error;
    relative.push_back(std::abs(error));
  }
  std::sort(relative.begin(), relative.end());
  return {round4(quantile(relative, 0.5)), round4(quantile(relative, 0.9)),
          round4(quantile(relative, 0.99)), round4(sum / static_cast<double>(relative.size()))};
}

/// A number as Python prints it: never without a point.
std::string decimal(double value) {
  std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string axes_yaml(const SkewAxes& axes, std::string_view indent) {
  std::string text = fmt::format("{0}bucket_axes:\n{0}  pc: raw pc value\n", indent);
  const auto add = [&](std::string_view name, const SkewAxis& axis) {
    text += fmt::format("{0}  {1}_bins: [{2}]\n{0}  {1}_labels: [{3}]\n", indent, name,
                        fmt::join(axis.edges, ", "), fmt::join(axis.labels, ", "));
  };
  add("n", axes.decodes);
  add("skew_rate", axes.skew_rate);
  add("kv_big", axes.kv_largest);
  add("kp", axes.kv_prefill);
  return text;
}

bool equal_axes(const SkewAxes& a, const SkewAxes& b) {
  const auto equal = [](const SkewAxis& x, const SkewAxis& y) {
    return x.edges == y.edges && x.labels == y.labels;
  };
  return equal(a.decodes, b.decodes) && equal(a.skew_rate, b.skew_rate) &&
         equal(a.kv_largest, b.kv_largest) && equal(a.kv_prefill, b.kv_prefill);
}

}  // namespace

SkewAxes skew_axes_of(std::span<const SkewSample> samples) {
  std::set<std::int64_t> decodes, contexts;
  std::int64_t largest = 0;
  for (const SkewSample& sample : valid_of(samples)) {
    decodes.insert(sample.decodes);
    largest = std::max(largest, sample.kv_large);
    if (sample.kv_prefill > 0) {
      contexts.insert(sample.kv_prefill);
    }
  }
  SkewAxes axes;
  const auto plain = [](std::int64_t value) { return std::to_string(value); };
  axes.decodes.edges = {0};
  add_bins(axes.decodes, "n", {decodes.begin(), decodes.end()}, kBeyondDecodes, plain);
  axes.skew_rate = SkewAxes::usual().skew_rate;
  axes.kv_largest.edges = {0};
  add_bins(axes.kv_largest, "kvB", context_bounds(largest), kBeyondContext, short_count);
  axes.kv_prefill.edges = {-1, 0};
  axes.kv_prefill.labels = {"kp=0"};
  add_bins(axes.kv_prefill, "kp", {contexts.begin(), contexts.end()}, kBeyondContext, short_count);
  return axes;
}

FittedSkew fit_skew(std::span<const SkewSample> samples) {
  const std::vector<SkewSample> valid = valid_of(samples);
  FittedSkew fit;
  fit.axes = skew_axes_of(samples);
  fit.samples = static_cast<std::int64_t>(valid.size());
  if (valid.empty()) {
    return fit;
  }
  LeastSquares all;
  std::map<BucketKey, LeastSquares> buckets;
  for (const SkewSample& sample : valid) {
    all.add(sample);
    buckets[key_of(fit.axes, sample)].add(sample);
  }
  fit.alpha_default = all.alpha();
  std::map<BucketKey, double> alphas;
  for (const auto& [key, sums] : buckets) {
    const auto& [chunk, decodes, rate, largest, prefill] = key;
    alphas[key] = sums.alpha();
    fit.buckets.push_back({chunk, decodes, rate, largest, prefill, sums.alpha(), sums.samples});
  }
  fit.errors = errors_of(valid, fit.axes, alphas);
  return fit;
}

std::string skew_fit_csv(const FittedSkew& fit) {
  std::string text = "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\r\n";
  for (const FittedBucket& bucket : fit.buckets) {
    text += fmt::format("{},{},{},{},{},{},{}\r\n", bucket.prefill_chunk, bucket.decodes,
                        bucket.skew_rate, bucket.kv_largest, bucket.kv_prefill,
                        decimal(bucket.alpha), bucket.samples);
  }
  return text;
}

std::string skew_fit_meta(const std::map<std::int64_t, FittedSkew>& fits) {
  const bool shared = std::all_of(fits.begin(), fits.end(), [&](const auto& entry) {
    return equal_axes(entry.second.axes, fits.begin()->second.axes);
  });
  std::string text = "skew_fit:\n  enabled: true\n";
  if (shared && !fits.empty()) {
    text += axes_yaml(fits.begin()->second.axes, "  ");
  }
  text += "  per_tp:\n";
  for (const auto& [tp, fit] : fits) {
    text += fmt::format("    {}:\n      method: per_bucket_wls_5axis\n      n_samples: {}\n", tp,
                        fit.samples);
    if (!shared) {
      text += axes_yaml(fit.axes, "      ");
    }
    text += fmt::format(
        "      alpha_default: {}\n      bucket_table: tp{}/skew_fit.csv\n"
        "      rel_err_p50: {}\n      rel_err_p90: {}\n      rel_err_p99: {}\n"
        "      signed_mean: {}\n",
        decimal(fit.alpha_default), tp, decimal(fit.errors.p50), decimal(fit.errors.p90),
        decimal(fit.errors.p99), decimal(fit.errors.signed_mean));
  }
  return text;
}

}  // namespace lockstep
