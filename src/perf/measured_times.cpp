#include "perf/measured_times.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {
namespace {

const Curve* curve_in(const std::shared_ptr<const CurveTable>& table, Layer layer) {
  if (!table || table->of(layer).empty()) {
    return nullptr;
  }
  return &table->of(layer);
}

}  // namespace

MeasuredTimes::MeasuredTimes(Bundle& bundle, std::int64_t tp, std::vector<std::string>& warnings)
    : dir_(bundle.dir().string()), tp_(tp) {
  const std::int64_t stable_tp = bundle.has_degree(1) ? 1 : tp;
  const auto dense = bundle.dense(tp);
  const auto dense_stable = bundle.dense(stable_tp);
  const auto per_sequence = bundle.per_sequence(tp);
  const auto per_sequence_stable = bundle.per_sequence(stable_tp);
  owned_ = {dense, dense_stable, per_sequence, per_sequence_stable};
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    const auto layer = static_cast<Layer>(i);
    const bool stable = Architecture::tp_stable(layer);
    dense_[i] = curve_in(stable ? dense_stable : dense, layer);
    per_sequence_[i] = curve_in(stable ? per_sequence_stable : per_sequence, layer);
  }
  attention_ = bundle.attention(tp);
  moe_ = bundle.moe(bundle.has_degree(1) ? 1 : bundle.degrees().front());
  skew_ = bundle.skew(tp, warnings);
}

bool MeasuredTimes::has(Layer layer) const {
  const auto i = static_cast<std::size_t>(layer);
  switch (layer) {
    case Layer::attention:
      return attention_ != nullptr;
    case Layer::moe:
      return moe_ != nullptr || dense_[i] != nullptr;
    default:
      return dense_[i] != nullptr || per_sequence_[i] != nullptr;
  }
}

KernelTime MeasuredTimes::dense(Layer layer, std::int64_t tokens) const {
  return on_curve(dense_[static_cast<std::size_t>(layer)], layer, tokens);
}

KernelTime MeasuredTimes::per_sequence(Layer layer, std::int64_t sequences) const {
  return on_curve(per_sequence_[static_cast<std::size_t>(layer)], layer, sequences);
}

KernelTime MeasuredTimes::on_curve(const Curve* curve, Layer layer, std::int64_t key) const {
  if (curve == nullptr) {
    refuse(layer_name(layer), "dense.csv or per_sequence.csv");
  }
  const Estimate e = curve->at(std::max<std::int64_t>(key, 1));
  return {whole_nanos(e.value), e.source};
}

double MeasuredTimes::skew_alpha(const AttentionShape& shape) const {
  return skew_->alpha(shape);
}

KernelTime MeasuredTimes::attention(const AttentionShape& shape) const {
  if (!attention_) {
    refuse("attention", "attention.csv");
  }
  const auto at = [&](std::int64_t kv_decode) {
    const Estimate e =
        attention_->at({shape.prefill_chunk, shape.kv_prefill, shape.n_decode, kv_decode});
    return KernelTime{whole_nanos(e.value), e.source};
  };
  const KernelTime mean = at(shape.kv_decode_mean);
  if (shape.n_decode <= 1 || shape.kv_decode_max == shape.kv_decode_mean) {
    return mean;
  }
  const double alpha = skew_->alpha(shape);
  if (alpha == 0.0) {
    return mean;
  }
  const KernelTime largest = at(shape.kv_decode_max);
  if (largest.time <= mean.time) {
    return mean;
  }
  const double corrected = static_cast<double>(mean.time.count()) +
                           alpha * static_cast<double>((largest.time - mean.time).count());
  // A correction is an estimate even between two measured times.
  const TimeSource source = worse(TimeSource::interpolated, worse(mean.source, largest.source));
  return {whole_nanos(std::nearbyint(corrected)), source};
}

KernelTime MeasuredTimes::moe(std::int64_t tokens, std::int64_t experts) const {
  if (!moe_) {
    refuse("moe", "moe.csv");
  }
  const Estimate e =
      moe_->at(std::max<std::int64_t>(tokens, 1), std::max<std::int64_t>(experts, 1));
  return {whole_nanos(e.value), e.source};
}

std::string MeasuredTimes::description() const {
  return fmt::format("measured bundle {} at tp {}", dir_, tp_);
}

void MeasuredTimes::refuse(std::string_view layer, std::string_view file) const {
  throw UserError(fmt::format("the bundle has no times of the layer {} at tp {}", layer, tp_),
                  Where{dir_, 0, {}},
                  fmt::format("profile the layer into {}, or remove the bundle", file));
}

}  // namespace lockstep
