#include "perf/operations/coefficient_sets.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "perf/operations/operation_sizes.hpp"

namespace lockstep {
namespace {

using enum MeasuredOperation;

std::vector<CoefficientSet> make_sets() {
  std::vector<CoefficientSet> sets;
  const auto add = [&](std::string name, const OperationModel& model, Precision precision,
                       MeasuredOperation table, std::int64_t kind, std::size_t kind_key) {
    sets.push_back({std::move(name), &model, precision, table, kind, kind_key});
  };
  const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
  const auto named = [](std::string_view what, Precision precision) {
    return fmt::format("{} {}", what, precision_name(precision));
  };
  for (const Precision p :
       {Precision::bfloat16, Precision::fp8, Precision::fp8_block, Precision::nvfp4}) {
    add(named("gemm", p), gemm_model(), p, gemm, number(p), 0);
  }
  for (const Precision p : {Precision::bfloat16, Precision::fp8}) {
    const std::int64_t is_fp8 = p == Precision::fp8 ? 1 : 0;
    add(named("context_attention", p), context_attention_model(), p, context_attention, is_fp8, 2);
    add(named("generation_attention", p), generation_attention_model(), p, generation_attention,
        is_fp8, 2);
  }
  for (const Precision p : {Precision::bfloat16, Precision::fp8_block, Precision::nvfp4}) {
    add(named("latent_context_module", p), latent_module_model(), p, mla_context_module, number(p),
        0);
    add(named("latent_generation_module", p), latent_module_model(), p, mla_generation_module,
        number(p), 0);
  }
  add("latent_context", latent_kernel_model(), Precision::bfloat16, context_mla, -1, 0);
  add("latent_generation", latent_kernel_model(), Precision::bfloat16, generation_mla, -1, 0);
  add("latent_absorption into", latent_absorption_model(), Precision::bfloat16, mla_bmm, 0, 0);
  add("latent_absorption out", latent_absorption_model(), Precision::bfloat16, mla_bmm, 1, 0);
  for (int i = 0; i < kPrecisionCount; ++i) {
    const auto p = static_cast<Precision>(i);
    add(named("experts", p), experts_model(), p, moe, i, 0);
  }
  const auto delta = [&](std::string name, const OperationModel& model, DeltaKernel kernel) {
    add(std::move(name), model, Precision::bfloat16, gdn, number(kernel), 0);
  };
  delta("delta_net convolution", convolution_model(), DeltaKernel::convolution);
  delta("delta_net chunk_rule", delta_rule_model(), DeltaKernel::chunk_rule);
  delta("delta_net convolution_update", convolution_model(), DeltaKernel::convolution_update);
  delta("delta_net recurrence", delta_rule_model(), DeltaKernel::recurrence);
  add("quantise scale", quantise_model(), Precision::bfloat16, computescale, -1, 0);
  add("quantise convert", quantise_model(), Precision::bfloat16, scale_matrix, -1, 0);
  add("vllm_all_reduce graph", collective_model(), Precision::bfloat16, custom_allreduce, 1, 0);
  add("vllm_all_reduce launched", collective_model(), Precision::bfloat16, custom_allreduce, 0, 0);
  const auto collective = [&](std::string name, CollectiveOp op) {
    add(std::move(name), collective_model(), Precision::bfloat16, nccl, number(op), 0);
  };
  collective("nccl all_reduce", CollectiveOp::all_reduce);
  collective("nccl all_gather", CollectiveOp::all_gather);
  collective("nccl reduce_scatter", CollectiveOp::reduce_scatter);
  collective("nccl all_to_all", CollectiveOp::all_to_all);
  return sets;
}

HeadShape heads_of(std::span<const std::int32_t> keys) {
  return {keys[3], keys[4], keys[0], keys[1], keys[2] != 0};
}

LatentAttention module_of(std::span<const std::int32_t> keys) {
  LatentAttention a;
  a.projections = static_cast<Precision>(keys[0]);
  a.fp8_cache = keys[1] != 0;
  a.heads = keys[3];
  a.batch = keys[4];
  return a;
}

LatentAttention kernel_of(std::span<const std::int32_t> keys) {
  LatentAttention a;
  a.fp8_cache = keys[0] != 0;
  a.heads = keys[1];
  a.batch = keys[2];
  return a;
}

Sizes latent_sizes(LatentAttention a, bool generation, std::int64_t axis) {
  a.generation = generation;
  a.new_tokens = generation ? 1 : axis;
  a.cached_tokens = generation ? axis - 1 : 0;
  return sizes_of(a);
}

// Nemotron's experts (squared ReLU) have one matrix in; the tables do not say so. These are the
// shapes of Nemotron 3 Nano, and of its larger kin, whose experts work in a latent space. Up to
// 0.19 all shapes were measured with two.
bool gated(std::span<const std::int32_t> keys, const TableOrigin& origin) {
  const bool nano = keys[1] == 2688 && keys[2] == 1856;
  const bool latent = keys[3] == 512 && keys[4] == 22;
  return compare_versions(origin.version, "0.20") < 0 || (!nano && !latent);
}

GroupedExperts experts_of(std::span<const std::int32_t> keys, std::int64_t tokens,
                          const TableOrigin& origin) {
  GroupedExperts e;
  e.precision = static_cast<Precision>(keys[0]);
  e.tokens = tokens;
  e.hidden = keys[1];
  e.intermediate = keys[2];
  e.experts = keys[3];
  e.top_k = keys[4];
  e.tp = keys[5];
  e.ep = keys[6];
  e.skew = static_cast<ExpertSkew>(keys[7]);
  e.gated = gated(keys, origin);
  return e;
}

std::int64_t group_of(MeasuredOperation table, std::span<const std::int32_t> keys) {
  switch (table) {
    case context_attention:
    case generation_attention:
      return keys[0];
    case moe:  // hidden x intermediate x experts tell the model
      return (keys[1] * std::int64_t{1'000'003} + keys[2]) * 1009 + keys[3];
    default:
      return 0;
  }
}

}  // namespace

const std::vector<CoefficientSet>& coefficient_sets() {
  static const std::vector<CoefficientSet> kSets = make_sets();
  return kSets;
}

std::size_t coefficient_set(std::string_view name) {
  const auto& sets = coefficient_sets();
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (sets[i].name == name) {
      return i;
    }
  }
  throw InternalError(fmt::format("no set of coefficients is called '{}'", name));
}

Sizes row_sizes(const CoefficientSet& set, const TableOrigin& origin,
                std::span<const std::int32_t> keys, std::int64_t axis) {
  switch (set.table) {
    case gemm:
      return sizes_of(Gemm{axis, keys[1], keys[2], static_cast<Precision>(keys[0])},
                      CacheState::measured);
    case context_attention:
      return sizes_of(ContextAttention{heads_of(keys), keys[5], axis, 0});
    case generation_attention:
      return sizes_of(GenerationAttention{heads_of(keys), keys[5], axis}, CacheState::measured);
    case mla_context_module:
    case mla_generation_module:
      return latent_sizes(module_of(keys), set.table == mla_generation_module, axis);
    case context_mla:
    case generation_mla:
      return latent_sizes(kernel_of(keys), set.table == generation_mla, axis);
    case mla_bmm:
      return sizes_of(LatentAbsorption{axis, keys[1]});
    case moe:
      return sizes_of(experts_of(keys, axis, origin));
    case gdn:
      return sizes_of(GatedDeltaNet{axis, keys[3], keys[1], keys[2], 128, false});
    case computescale:
    case scale_matrix:
      return sizes_of(Quantise{axis, keys[0], true});
    default:
      return sizes_of(
          CollectiveCall{CollectiveOp::all_reduce, static_cast<double>(axis), keys[1], true});
  }
}

double steadied(const TableCurve& curve, std::size_t place) {
  constexpr float kAbove = 1.25F;
  float least = curve.micros[place];
  for (std::size_t later = place + 1; later < curve.micros.size(); ++later) {
    least = std::min(least, kAbove * curve.micros[later]);
  }
  return static_cast<double>(least);
}

std::vector<OperationSample> samples_of(const CoefficientSet& set, const OperationTable& table,
                                        bool steady) {
  steady = steady && set.table == gemm;
  std::vector<OperationSample> samples;
  for (std::size_t slice = 0; slice < table.slice_count(); ++slice) {
    const auto keys = table.keys(slice);
    if (set.kind >= 0 && keys[set.kind_key] != set.kind) {
      continue;
    }
    const TableCurve curve = table.curve(slice);
    for (std::size_t i = 0; i < curve.axis.size(); ++i) {
      if (curve.axis[i] > 0 && curve.micros[i] > 0.01F) {
        samples.push_back({row_sizes(set, table.origin(), keys, curve.axis[i]),
                           steady ? steadied(curve, i) : static_cast<double>(curve.micros[i]),
                           group_of(set.table, keys)});
      }
    }
  }
  return samples;
}

}  // namespace lockstep
