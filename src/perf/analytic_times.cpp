#include "perf/analytic_times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "perf/interpolation.hpp"

namespace lockstep {
namespace {

KernelTime whole(double micros) {
  return {whole_nanos(micros * 1e3), TimeSource::analytic};
}

}  // namespace

AnalyticTimes::AnalyticTimes(std::shared_ptr<const GpuFacts> gpu, ModelConfig model,
                             std::int64_t tp, DataType dtype, KvCacheType kv_cache_dtype)
    : gpu_(std::move(gpu)), model_(std::move(model)), tp_(tp), dtype_(dtype) {
  heads_.query = std::max<std::int64_t>(1, model_.num_attention_heads / tp);
  heads_.key_value = std::max<std::int64_t>(1, model_.num_key_value_heads / tp);
  heads_.dim = model_.head_dim;
  heads_.kv_bytes = kv_bytes_per_element(dtype, kv_cache_dtype);
}

bool AnalyticTimes::has(Layer layer) const {
  return layer != Layer::moe || model_.has_experts();
}

double AnalyticTimes::micros(Layer layer, double rows) const {
  const AnalyticCoefficients& c = gpu_->coefficients;
  const double tp = static_cast<double>(tp_);
  const double hidden = static_cast<double>(model_.hidden_size);
  const double inner = static_cast<double>(model_.intermediate_size) / tp;
  const double q = static_cast<double>(heads_.query * heads_.dim);
  const double kv = static_cast<double>(heads_.key_value * heads_.dim);
  const double element = dtype_ == DataType::float32 ? 4.0 : 2.0;  // of an activation
  const auto gemm = [&](double from, double to) {
    return gemm_micros(*gpu_, {rows, from, to}, dtype_);
  };
  const auto stream = [&](double values, double launch, double rate) {
    return streaming_micros(*gpu_, rows * values * element, launch, rate);
  };
  switch (layer) {
    case Layer::qkv_proj:
      return gemm(hidden, q + 2.0 * kv);
    case Layer::o_proj:
      return gemm(q, hidden);
    case Layer::gate_up_proj:
      return gemm(hidden, 2.0 * inner);
    case Layer::down_proj:
      return gemm(inner, hidden);
    case Layer::lm_head:
      return gemm(hidden, static_cast<double>(model_.vocab_size) / tp);
    case Layer::embedding:
      return stream(2.0 * hidden, c.embedding_launch, c.embedding_rate);
    case Layer::act_fn:
      return stream(3.0 * inner, c.act_launch, c.act_rate);
    case Layer::rotary_emb:
      return stream(2.0 * (q + kv), c.rotary_launch, c.rotary_rate);
    case Layer::qk_norm:  // the mean of the queries' and the keys' norm, not split over ranks
      return stream(static_cast<double>(model_.q_dim() + model_.kv_dim()), c.qk_norm_launch,
                    c.qk_norm_rate);
    case Layer::sampler:  // reads the logits of the whole vocabulary in float32
      return stream(2.0 * static_cast<double>(model_.vocab_size), c.sampler_launch, c.sampler_rate);
    default:  // the norms: input and residual in and out
      return stream(4.0 * hidden, c.norm_launch, c.norm_rate);
  }
}

KernelTime AnalyticTimes::dense(Layer layer, std::int64_t tokens) const {
  return whole(micros(layer, static_cast<double>(std::max<std::int64_t>(tokens, 1))));
}

KernelTime AnalyticTimes::per_sequence(Layer layer, std::int64_t sequences) const {
  return dense(layer, sequences);
}

KernelTime AnalyticTimes::attention(const AttentionShape& shape) const {
  return whole(attention_micros(*gpu_, heads_, shape));
}

KernelTime AnalyticTimes::moe(std::int64_t tokens, std::int64_t experts) const {
  const MoeShape shape{static_cast<double>(std::max<std::int64_t>(tokens, 1)),
                       static_cast<double>(model_.num_experts_per_tok),
                       static_cast<double>(std::max<std::int64_t>(experts, 1)),
                       static_cast<double>(model_.hidden_size),
                       static_cast<double>(model_.moe_intermediate_size)};
  return whole(moe_micros(*gpu_, shape, dtype_));
}

std::string AnalyticTimes::description() const {
  std::string text = fmt::format("analytic model {}", gpu_->name);
  if (gpu_->fitted_on != gpu_->name) {
    return fmt::format("{}: datasheet and the coefficients of {}, error not measured", text,
                       gpu_->fitted_on);
  }
  std::string errors;
  for (const auto& [kind, error] : gpu_->errors) {
    errors += fmt::format("{}{} {:.0f} % ({:.0f} %)", errors.empty() ? "" : ", ", kind,
                          error.median * 100.0, error.p90 * 100.0);
  }
  return fmt::format("{}: median (p90) error against its measured bundles: {}", text, errors);
}

}  // namespace lockstep
