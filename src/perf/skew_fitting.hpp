// Fits the skew coefficient of attention to measurements, in the form that bundles keep it.
//
// alpha = sum(dtm * dts) / sum(dtm^2) over a set of samples, with dtm = t_max - t_mean and
// dts = t_skew - t_mean: the line through the origin that fits best. One alpha for all samples is
// the default, one per bucket of (chunk, decodes, skew rate, largest context, prefill context)
// goes into skew_fit.csv. All are rounded to four decimals.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "perf/skew_fit.hpp"
#include "perf/skew_samples.hpp"

namespace lockstep {

struct FittedBucket {
  std::int64_t prefill_chunk = 0;
  std::string decodes, skew_rate, kv_largest, kv_prefill;  ///< labels
  double alpha = 0;
  std::int64_t samples = 0;
};

/// How far the fit is off its own samples: |predicted - t_skew| / t_skew, four decimals.
struct SkewFitErrors {
  double p50 = 0, p90 = 0, p99 = 0;
  double signed_mean = 0;
};

struct FittedSkew {
  SkewAxes axes;
  double alpha_default = 0;
  std::int64_t samples = 0;           ///< valid ones, which the fit used
  std::vector<FittedBucket> buckets;  ///< by chunk, then labels in byte order
  SkewFitErrors errors;
};

/// Axes from the samples themselves: every number of decodes and every prefill context that
/// occurs, largest contexts in steps of four from 1024, skew rates at 5, 15, 40 and 70 %.
[[nodiscard]] SkewAxes skew_axes_of(std::span<const SkewSample> samples);

/// Samples that are not valid are passed over. Without any valid one there are no buckets and all
/// numbers are 0.
[[nodiscard]] FittedSkew fit_skew(std::span<const SkewSample> samples);

/// The text of skew_fit.csv, lines ending with CR LF.
[[nodiscard]] std::string skew_fit_csv(const FittedSkew& fit);

/// The block `skew_fit:` of meta.yaml, by tensor-parallel degree. Degrees with equal axes share
/// them.
[[nodiscard]] std::string skew_fit_meta(const std::map<std::int64_t, FittedSkew>& fits);

}  // namespace lockstep
