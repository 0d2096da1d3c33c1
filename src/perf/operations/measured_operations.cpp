#include "perf/operations/measured_operations.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace lockstep {
namespace {

using enum MeasuredOperation;

constexpr double kMostColder = 4.0;

OperationTime colder(OperationTime time, double warm, double cold) {
  if (warm > 0 && cold > warm) {
    time.micros *= std::min(cold / warm, kMostColder);
  }
  return time;
}

OperationTime both(const OperationTime& a, const OperationTime& b) {
  return {a.micros + b.micros, std::max(a.source, b.source), std::max(a.distance, b.distance)};
}

// Products in blocks of 8 bits were measured without a CUDA graph from 0.24 on: below about a
// thousand rows their tables hold the time of a launch.
bool holds_launch_time(const TableOrigin& origin, std::span<const std::int32_t> keys,
                       std::int64_t rows) {
  constexpr std::int64_t kRows = 1024;
  return rows < kRows && keys[0] == static_cast<std::int32_t>(Precision::fp8_block) &&
         compare_versions(origin.version, "0.24") >= 0;
}

// Up to 0.19 experts were measured as Triton runs them, later as the engine's choice does.
bool holds_chosen_experts(const TableOrigin& origin, std::span<const std::int32_t> /*keys*/,
                          std::int64_t /*tokens*/) {
  return compare_versions(origin.version, "0.20") >= 0;
}

// In the keys of the experts' table: precision, hidden, intermediate, experts, top-k, TP, EP, skew.
double rows_an_expert(std::span<const std::int32_t> keys) {
  return static_cast<double>(keys[4]) / keys[3];
}

double expert_weights(std::span<const std::int32_t> keys) {
  return static_cast<double>(keys[1]) * keys[2] * keys[3] /
         (static_cast<double>(keys[5]) * keys[6]);
}

// Few rows cost the weights of the experts that they touch, many cost arithmetic: at equal rows an
// expert both go with the weights. The launch is what fits shapes of one kernel to each other best.
constexpr ShapeTransfer kExpertTransfer = {1, 5, rows_an_expert, expert_weights, 30};

// The set whose model speaks for a row of a table.
std::size_t set_of_keys(MeasuredOperation operation, std::span<const std::int32_t> keys) {
  const auto& sets = coefficient_sets();
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (sets[i].table == operation &&
        (sets[i].kind < 0 || keys[sets[i].kind_key] == sets[i].kind)) {
      return i;
    }
  }
  return sets.size();
}

}  // namespace

LookupRules lookup_rules(MeasuredOperation operation) {
  using enum BetweenRule;
  switch (operation) {
    case MeasuredOperation::gemm:
      return {ratio, linear, {1, 2}, {1, 2}, true};
    case MeasuredOperation::context_attention:
      return {ratio, ratio, {5, 3, 4}, {0, 1, 3, 4, 5}, false};
    case MeasuredOperation::generation_attention:
      return {linear, ratio, {5, 3, 4}, {0, 1, 3, 4, 5}, false};
    case mla_context_module:
      return {ratio, ratio, {4, 3}, {2, 3, 4}, false};
    case mla_generation_module:
      return {linear, ratio, {4, 3}, {2, 3, 4}, false};
    case context_mla:
      return {ratio, ratio, {2, 1}, {1, 2}, false};
    case generation_mla:
      return {linear, linear, {2, 1}, {1, 2}, false};
    case mla_bmm:
      return {linear, linear, {1}, {1}, false};
    case moe:
      return {ratio, ratio, {5, 6}, {1, 2, 3, 4, 5, 6, 7}, false, kExpertTransfer};
    case gdn:
      return {linear, linear, {3, 1, 2}, {1, 2, 3}, false};
    case computescale:
    case scale_matrix:
      return {linear, linear, {0}, {0}, false};
    default:
      return {linear, ratio, {1}, {1}, false};
  }
}

TableLookup make_lookup(std::shared_ptr<const OperationTable> table, const LookupRules& rules,
                        std::shared_ptr<const AnalyticOperations> analytic) {
  PlaceModel model;
  if (analytic) {
    model = [analytic = std::move(analytic), origin = table->origin()](
                std::span<const std::int32_t> keys, std::int64_t axis) {
      const std::size_t set = set_of_keys(origin.operation, keys);
      if (set >= coefficient_sets().size() || axis <= 0) {
        return 0.0;
      }
      return analytic->micros(set, row_sizes(coefficient_sets()[set], origin, keys, axis));
    };
  }
  return {std::move(table), rules, std::move(model)};
}

MeasuredOperations::MeasuredOperations(
    std::shared_ptr<const AnalyticOperations> analytic,
    const std::map<MeasuredOperation, std::vector<std::shared_ptr<const OperationTable>>>& tables,
    std::string description)
    : analytic_(std::move(analytic)), description_(std::move(description)) {
  for (const auto& [operation, list] : tables) {
    for (const auto& table : list) {
      lookups_[static_cast<std::size_t>(operation)].push_back(
          make_lookup(table, lookup_rules(operation), analytic_));
    }
  }
}

std::optional<OperationTime> MeasuredOperations::find(MeasuredOperation operation, Keys given,
                                                      std::int64_t axis, Misfit misfit) const {
  std::array<std::int32_t, kMostSliceKeys> keys{};
  std::transform(given.begin(), given.end(), keys.begin(), [](std::int64_t key) {
    return static_cast<std::int32_t>(std::min<std::int64_t>(key, INT32_MAX));
  });
  const auto& lookups = lookups_[static_cast<std::size_t>(operation)];
  const std::span<const std::int32_t> asked(keys.data(), given.size());
  for (const bool misfits : {false, true}) {
    for (const TableLookup& lookup : lookups) {
      const bool is_misfit = misfit != nullptr && misfit(lookup.table().origin(), asked, axis);
      if (is_misfit == misfits) {
        if (auto time = lookup.at(asked, axis)) {
          return time;
        }
      }
    }
  }
  return std::nullopt;
}

OperationTime MeasuredOperations::gemm(const Gemm& s) const {
  if (s.m <= 0 || s.n <= 0 || s.k <= 0) {
    return {};
  }
  const auto time =
      find(MeasuredOperation::gemm, {static_cast<std::int64_t>(s.precision), s.n, s.k}, s.m,
           holds_launch_time);
  if (!time) {
    return analytic_->gemm(s);
  }
  const std::size_t set = set_of(s);
  return colder(*time, analytic_->micros(set, sizes_of(s, CacheState::measured)),
                analytic_->micros(set, sizes_of(s, CacheState::cold)));
}

OperationTime MeasuredOperations::context_attention(const ContextAttention& s) const {
  if (s.batch <= 0 || s.new_tokens <= 0) {
    return {};
  }
  const HeadShape& h = s.heads;
  const std::int64_t window = h.window >= s.new_tokens ? 0 : h.window;
  const auto time =
      find(MeasuredOperation::context_attention,
           {h.head_size, window, h.fp8_cache ? 1 : 0, h.heads, h.kv_heads, s.batch}, s.new_tokens);
  if (!time) {
    return analytic_->context_attention(s);
  }
  if (s.cached_tokens == 0) {
    return *time;
  }
  // No table has a prompt behind a cached prefix: the model says how much longer it takes.
  ContextAttention without = s;
  without.cached_tokens = 0;
  const double here = analytic_->context_attention(without).micros;
  const double more = analytic_->context_attention(s).micros;
  OperationTime longer = *time;
  longer.micros *= here > 0 ? std::max(1.0, more / here) : 1.0;
  longer.source = TimeSource::extrapolated;
  return longer;
}

OperationTime MeasuredOperations::generation_attention(const GenerationAttention& s) const {
  if (s.batch <= 0 || s.context <= 0) {
    return {};
  }
  const HeadShape& h = s.heads;
  const std::int64_t window = h.window >= s.context ? 0 : h.window;
  const auto time =
      find(MeasuredOperation::generation_attention,
           {h.head_size, window, h.fp8_cache ? 1 : 0, h.heads, h.kv_heads, s.batch}, s.context);
  if (!time) {
    return analytic_->generation_attention(s);
  }
  const std::size_t set = set_of(s);
  return colder(*time, analytic_->micros(set, sizes_of(s, CacheState::measured)),
                analytic_->micros(set, sizes_of(s, CacheState::cold)));
}

OperationTime MeasuredOperations::decodes_beside(const DecodesBeside& s) const {
  return analytic_->decodes_beside(s);  // no table has steps of both
}

OperationTime MeasuredOperations::latent_module(const LatentAttention& s) const {
  if (s.batch <= 0 || s.new_tokens <= 0) {
    return {};
  }
  const auto precision = static_cast<std::int64_t>(s.projections);
  const std::int64_t cache = s.fp8_cache ? 1 : 0;
  const auto time =
      s.generation
          ? find(mla_generation_module, {precision, cache, 0, s.heads, s.batch},
                 s.cached_tokens + 1)
          : find(mla_context_module, {precision, cache, 0, s.heads, s.batch}, s.new_tokens);
  if (!time) {
    return analytic_->latent_module(s);
  }
  if (s.generation || s.cached_tokens == 0) {
    return *time;
  }
  LatentAttention without = s;
  without.cached_tokens = 0;
  const double here = analytic_->latent_module(without).micros;
  OperationTime longer = *time;
  longer.micros *= here > 0 ? std::max(1.0, analytic_->latent_module(s).micros / here) : 1.0;
  longer.source = TimeSource::extrapolated;
  return longer;
}

OperationTime MeasuredOperations::latent_attention(const LatentAttention& s) const {
  if (s.batch <= 0 || s.new_tokens <= 0) {
    return {};
  }
  const std::int64_t cache = s.fp8_cache ? 1 : 0;
  const auto time = s.generation
                        ? find(generation_mla, {cache, s.heads, s.batch}, s.cached_tokens + 1)
                        : find(context_mla, {cache, s.heads, s.batch}, s.new_tokens);
  return time && (s.generation || s.cached_tokens == 0) ? *time : analytic_->latent_attention(s);
}

OperationTime MeasuredOperations::latent_absorption(const LatentAbsorption& s) const {
  if (s.tokens <= 0 || s.heads <= 0) {
    return {};
  }
  const auto into = find(mla_bmm, {0, s.heads}, s.tokens);
  const auto out = find(mla_bmm, {1, s.heads}, s.tokens);
  return into && out ? both(*into, *out) : analytic_->latent_absorption(s);
}

OperationTime MeasuredOperations::experts(const GroupedExperts& s) const {
  if (s.tokens <= 0) {
    return {};
  }
  const auto time =
      find(moe,
           {static_cast<std::int64_t>(s.precision), s.hidden, s.intermediate, s.experts, s.top_k,
            s.tp, s.ep, static_cast<std::int64_t>(s.skew)},
           s.tokens, s.kernel == ExpertKernel::triton ? holds_chosen_experts : nullptr);
  return time ? *time : analytic_->experts(s);
}

OperationTime MeasuredOperations::quantise(const Quantise& s) const {
  if (s.tokens <= 0 || s.width <= 0) {
    return {};
  }
  const auto convert = find(scale_matrix, {s.width}, s.tokens);
  const auto scale = find(computescale, {s.width}, s.tokens);
  if (!convert || (s.dynamic && !scale)) {
    return analytic_->quantise(s);
  }
  return s.dynamic ? both(*convert, *scale) : *convert;
}

OperationTime MeasuredOperations::delta_net(const GatedDeltaNet& s) const {
  if (s.batch <= 0 || s.tokens <= 0) {
    return {};
  }
  const auto kernel = [&](DeltaKernel which) {
    return find(gdn, {static_cast<std::int64_t>(which), s.k_heads, s.v_heads, s.tokens}, s.batch);
  };
  const auto convolution =
      kernel(s.generation ? DeltaKernel::convolution_update : DeltaKernel::convolution);
  const auto rule = kernel(s.generation ? DeltaKernel::recurrence : DeltaKernel::chunk_rule);
  return convolution && rule ? both(*convolution, *rule) : analytic_->delta_net(s);
}

OperationTime MeasuredOperations::memory(const MemoryTraffic& traffic) const {
  return analytic_->memory(traffic);
}

OperationTime MeasuredOperations::collective(const CollectiveCall& s) const {
  if (s.ranks <= 1 || s.bytes <= 0) {
    return {};
  }
  const auto bytes = static_cast<std::int64_t>(std::ceil(s.bytes));
  const bool vllm = s.op == CollectiveOp::vllm_all_reduce;
  auto time = vllm ? find(custom_allreduce, {s.graph ? 1 : 0, s.ranks}, bytes)
                   : find(nccl, {static_cast<std::int64_t>(s.op), s.ranks}, bytes);
  if (vllm &&
      !time) {  // a machine where vLLM's own kernel was not measured falls back as vLLM does
    time = find(nccl, {static_cast<std::int64_t>(CollectiveOp::all_reduce), s.ranks}, bytes);
  }
  return time ? *time : analytic_->collective(s);
}

}  // namespace lockstep
