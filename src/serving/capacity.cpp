#include "serving/capacity.hpp"

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "model/description/parameter_count.hpp"

namespace lockstep {
namespace {

/// Nothing when it does not fit.
std::optional<Capacity> try_capacity(const Instance& instance, const FidelityPolicy& policy,
                                     Bytes reserve) {
  try {
    return capacity_of(instance, policy, reserve);
  } catch (const UserError&) {
    return std::nullopt;
  }
}

}  // namespace

WeightsByKind weights_of_rank(const Instance& instance) {
  if (!instance.description) {
    return weights_by_kind(*instance.model, instance.tp, instance.pp, instance.ep_total,
                           instance.fp());
  }
  WeightsByKind weights;
  const ParameterCount counted = count_rank_parameters(*instance.description, instance.split());
  for (const WeightCount& part : counted.parts) {
    Bytes& sum = part.kind == WeightKind::embedding   ? weights.embedding
                 : part.kind == WeightKind::head      ? weights.head
                 : part.kind == WeightKind::attention ? weights.attention
                 : part.kind == WeightKind::norms     ? weights.norms
                                                      : weights.feed_forward;
    sum += part.bytes();
  }
  return weights;
}

double Capacity::concurrency(std::int64_t context) const {
  const std::int64_t blocks = ceil_div(context, layout.block_size);
  return static_cast<double>(layout.blocks) / static_cast<double>(blocks);
}

Capacity capacity_of(Instance instance, const FidelityPolicy& policy, Bytes reserve) {
  if (reserve > Bytes{0}) {
    const double capacity = instance.npu_mem.size_gb * static_cast<double>(kGiB);
    instance.mem_util -= static_cast<double>(reserve.count()) / capacity;
  }
  Capacity result;
  result.layout = plan_npu_kv(instance, policy);
  result.weights = weights_of_rank(instance);
  result.kv_per_token = result.layout.bytes_per_block / instance.block_size;
  return result;
}

Instance with_degrees(Instance instance, std::int64_t tp, std::int64_t pp) {
  const ModelConfig& model = *instance.model;
  instance.tp = tp;
  instance.pp = pp;
  instance.num_npus = tp * pp;
  const bool split = model.has_expert_key && model.num_experts % tp == 0;
  instance.ep = split ? tp : 1;
  instance.ep_total = instance.ep;
  instance.local_ep = instance.ep;
  return instance;
}

bool divides(const ModelConfig& model, std::int64_t tp, std::int64_t pp) {
  return model.num_attention_heads % tp == 0 && pp <= model.num_hidden_layers;
}

std::vector<FittingPlan> fewest_npus(const Instance& instance, const FidelityPolicy& policy,
                                     Bytes reserve, std::int64_t context, std::int64_t most) {
  std::vector<FittingPlan> plans;
  for (std::int64_t npus = 1; npus <= most && plans.empty(); npus *= 2) {
    for (std::int64_t tp = npus; tp >= 1; tp /= 2) {
      const std::int64_t pp = npus / tp;
      if (!divides(*instance.model, tp, pp)) {
        continue;
      }
      const auto capacity = try_capacity(with_degrees(instance, tp, pp), policy, reserve);
      if (capacity && capacity->concurrency(context) >= 1.0) {
        plans.push_back({tp, pp, *capacity});
      }
    }
  }
  return plans;
}

}  // namespace lockstep
