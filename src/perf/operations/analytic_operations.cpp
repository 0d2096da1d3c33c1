#include "perf/operations/analytic_operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "perf/roofline.hpp"

namespace lockstep {
namespace {

// Number formats whose coefficients may stand in for one that is not measured, nearest first.
std::vector<Precision> stand_ins(Precision precision) {
  using enum Precision;
  switch (precision) {
    case fp8:
      return {fp8, fp8_block, bfloat16};
    case fp8_block:
      return {fp8_block, fp8, bfloat16};
    case nvfp4:
      return {nvfp4, mxfp4_fp8, fp8, bfloat16};
    case int4:
      return {int4, mxfp4, bfloat16};
    case mxfp4:
      return {mxfp4, int4, bfloat16};
    case mxfp4_fp8:
      return {mxfp4_fp8, nvfp4, fp8_block, fp8, bfloat16};
    default:
      return {bfloat16};
  }
}

bool has_name(const std::string& name) {
  const auto& sets = coefficient_sets();
  return std::any_of(sets.begin(), sets.end(),
                     [&](const CoefficientSet& set) { return set.name == name; });
}

// "gemm fp8" -> "gemm fp8", "gemm fp8_block", "gemm bfloat16"
std::vector<std::string> names_for(const CoefficientSet& set) {
  const std::string suffix = fmt::format(" {}", precision_name(set.precision));
  if (!set.name.ends_with(suffix)) {
    return {set.name};
  }
  const std::string operation = set.name.substr(0, set.name.size() - suffix.size());
  std::vector<std::string> names;
  for (const Precision p : stand_ins(set.precision)) {
    const std::string name = fmt::format("{} {}", operation, precision_name(p));
    if (has_name(name)) {
      names.push_back(name);
    }
  }
  return names;
}

// The index of "<operation> <precision>", by precision; `missing` formats take bfloat16's.
std::array<std::size_t, kPrecisionCount> by_precision(std::string_view operation) {
  std::array<std::size_t, kPrecisionCount> indices{};
  for (int i = 0; i < kPrecisionCount; ++i) {
    for (const Precision p : stand_ins(static_cast<Precision>(i))) {
      const std::string name = fmt::format("{} {}", operation, precision_name(p));
      if (has_name(name)) {
        indices[static_cast<std::size_t>(i)] = coefficient_set(name);
        break;
      }
    }
  }
  return indices;
}

}  // namespace

std::size_t set_of(const Gemm& shape) {
  static const auto kSets = by_precision("gemm");
  return kSets[static_cast<std::size_t>(shape.precision)];
}

std::size_t set_of(const ContextAttention& shape) {
  static const std::array kSets = {coefficient_set("context_attention bfloat16"),
                                   coefficient_set("context_attention fp8")};
  return kSets[shape.heads.fp8_cache ? 1 : 0];
}

std::size_t set_of(const GenerationAttention& shape) {
  static const std::array kSets = {coefficient_set("generation_attention bfloat16"),
                                   coefficient_set("generation_attention fp8")};
  return kSets[shape.heads.fp8_cache ? 1 : 0];
}

std::size_t module_set_of(const LatentAttention& shape) {
  static const auto kContext = by_precision("latent_context_module");
  static const auto kGeneration = by_precision("latent_generation_module");
  const auto p = static_cast<std::size_t>(shape.projections);
  return shape.generation ? kGeneration[p] : kContext[p];
}

std::size_t kernel_set_of(const LatentAttention& shape) {
  static const std::array kSets = {coefficient_set("latent_context"),
                                   coefficient_set("latent_generation")};
  return kSets[shape.generation ? 1 : 0];
}

std::size_t set_of(const GroupedExperts& shape) {
  static const auto kSets = by_precision("experts");
  return kSets[static_cast<std::size_t>(shape.precision)];
}

std::size_t set_of(const CollectiveCall& call) {
  static const std::array kNccl = {
      coefficient_set("nccl all_reduce"), coefficient_set("nccl all_gather"),
      coefficient_set("nccl reduce_scatter"), coefficient_set("nccl all_to_all")};
  static const std::array kVllm = {coefficient_set("vllm_all_reduce launched"),
                                   coefficient_set("vllm_all_reduce graph")};
  return call.op == CollectiveOp::vllm_all_reduce ? kVllm[call.graph ? 1 : 0]
                                                  : kNccl[static_cast<std::size_t>(call.op)];
}

AnalyticOperations::AnalyticOperations(std::shared_ptr<const GpuFacts> gpu,
                                       std::vector<CoefficientFile> files)
    : gpu_(std::move(gpu)), files_(std::move(files)) {
  ensure(!files_.empty(), "coefficients of the GPU or of its kin");
  for (std::size_t set = 0; set < coefficient_sets().size(); ++set) {
    answers_.push_back(find_answer(set));
  }
}

AnalyticOperations::Answer AnalyticOperations::find_answer(std::size_t index) const {
  const CoefficientSet& wanted = coefficient_sets()[index];
  const auto names = names_for(wanted);
  for (const CoefficientFile& file : files_) {
    for (const std::string& name : names) {
      if (const auto found = file.sets.find(name); found != file.sets.end()) {
        const CoefficientSet& set = coefficient_sets()[coefficient_set(name)];
        return {&file, &found->second, &set, limits_of(*gpu_, set.precision)};
      }
    }
  }
  return {};
}

double AnalyticOperations::micros(std::size_t set, const Sizes& sizes) const {
  const Answer& a = answers_[set];
  return a.fitted == nullptr ? 0.0
                             : model_micros(*a.set->model, a.limits, a.fitted->coefficients, sizes);
}

OperationTime AnalyticOperations::gemm(const Gemm& shape) const {
  if (shape.m <= 0 || shape.n <= 0 || shape.k <= 0) {
    return {};
  }
  return {micros(set_of(shape), sizes_of(shape, CacheState::cold)), TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::context_attention(const ContextAttention& shape) const {
  if (shape.batch <= 0 || shape.new_tokens <= 0) {
    return {};
  }
  return {micros(set_of(shape), sizes_of(shape)), TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::generation_attention(const GenerationAttention& shape) const {
  if (shape.batch <= 0 || shape.context <= 0) {
    return {};
  }
  const std::size_t set = set_of(shape);
  const Sizes sizes = sizes_of(shape, CacheState::cold);
  const Answer& a = answers_[set];
  const double least = a.fitted == nullptr ? 0.0 : a.set->model->least(a.limits, sizes);
  return {std::max(micros(set, sizes), least), TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::decodes_beside(const DecodesBeside& shape) const {
  if (shape.decodes <= 0 || shape.prompts.batch <= 0) {
    return {};
  }
  const Answer& a = answers_[set_of(shape.prompts)];
  const double micros =
      a.fitted == nullptr
          ? 0.0
          : decodes_beside_micros(*gpu_, a.limits, a.fitted->coefficients.values, shape);
  return {micros, TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::latent_module(const LatentAttention& shape) const {
  if (shape.batch <= 0 || shape.new_tokens <= 0) {
    return {};
  }
  return {micros(module_set_of(shape), sizes_of(shape)), TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::latent_attention(const LatentAttention& shape) const {
  if (shape.batch <= 0 || shape.new_tokens <= 0) {
    return {};
  }
  return {micros(kernel_set_of(shape), sizes_of(shape)), TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::latent_absorption(const LatentAbsorption& shape) const {
  if (shape.tokens <= 0 || shape.heads <= 0) {
    return {};
  }
  static const std::array kSets = {coefficient_set("latent_absorption into"),
                                   coefficient_set("latent_absorption out")};
  if (answer(kSets[0]).fitted == nullptr || answer(kSets[1]).fitted == nullptr) {
    // Never measured on this GPU or its kin: 128 by 512 for each head is one product in two halves.
    const OperationTime into = gemm({shape.tokens, 512 * shape.heads, 128, Precision::bfloat16});
    const OperationTime out = gemm({shape.tokens, 128 * shape.heads, 512, Precision::bfloat16});
    return {into.micros + out.micros, TimeSource::analytic, 0};
  }
  const Sizes sizes = sizes_of(shape);
  return {micros(kSets[0], sizes) + micros(kSets[1], sizes), TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::experts(const GroupedExperts& shape) const {
  if (shape.tokens <= 0) {
    return {};
  }
  return {micros(set_of(shape), sizes_of(shape)), TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::quantise(const Quantise& shape) const {
  if (shape.tokens <= 0 || shape.width <= 0) {
    return {};
  }
  static const std::array kSets = {coefficient_set("quantise convert"),
                                   coefficient_set("quantise scale")};
  const Sizes sizes = sizes_of(shape);
  const double scale = shape.dynamic ? micros(kSets[1], sizes) : 0.0;
  return {micros(kSets[0], sizes) + scale, TimeSource::analytic, 0};
}

OperationTime AnalyticOperations::delta_net(const GatedDeltaNet& shape) const {
  if (shape.batch <= 0 || shape.tokens <= 0) {
    return {};
  }
  static const std::array kContext = {coefficient_set("delta_net convolution"),
                                      coefficient_set("delta_net chunk_rule")};
  static const std::array kGeneration = {coefficient_set("delta_net convolution_update"),
                                         coefficient_set("delta_net recurrence")};
  const auto& sets = shape.generation ? kGeneration : kContext;
  const Sizes sizes = sizes_of(shape);
  return {micros(sets[0], sizes) + micros(sets[1], sizes), TimeSource::analytic, 0};
}

// The layer model's fit of norms: a launch, then bytes at on-chip or memory rate.
OperationTime AnalyticOperations::memory(const MemoryTraffic& traffic) const {
  if (traffic.bytes <= 0) {
    return {};
  }
  const AnalyticCoefficients& c = gpu_->coefficients;
  return {streaming_micros(*gpu_, traffic.bytes, c.norm_launch, c.norm_rate), TimeSource::analytic,
          0};
}

OperationTime AnalyticOperations::collective(const CollectiveCall& call) const {
  if (call.ranks <= 1 || call.bytes <= 0) {
    return {};
  }
  return {micros(set_of(call), sizes_of(call)), TimeSource::analytic, 0};
}

std::string AnalyticOperations::description() const {
  const CoefficientFile& file = files_.front();
  if (file.gpu == gpu_->name) {
    return fmt::format("analytic model of {}'s operations, fitted {} to tables of {}", gpu_->name,
                       newest_fit(file), file.table);
  }
  return fmt::format("analytic model of {}'s operations: its datasheet with {}'s coefficients",
                     gpu_->name, file.gpu);
}

}  // namespace lockstep
