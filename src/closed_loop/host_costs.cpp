#include "closed_loop/host_costs.hpp"

#include <array>

namespace lockstep {

std::span<const HostCostField> host_cost_fields() {
  static constexpr std::array<HostCostField, 10> kFields = {
      {{"step", &HostCosts::step},
       {"step_per_sequence", &HostCosts::step_per_sequence},
       {"gap", &HostCosts::gap},
       {"layer_launch", &HostCosts::layer_launch},
       {"expert_launch", &HostCosts::expert_launch},
       {"flashinfer_launch", &HostCosts::flashinfer_launch},
       {"attention_launch", &HostCosts::attention_launch},
       {"request", &HostCosts::request},
       {"prompt_token", &HostCosts::prompt_token},
       {"reply", &HostCosts::reply}}};
  return kFields;
}

double eager_launches(const HostCosts& costs, const ModelDescription& model, bool flashinfer) {
  double micros = 0;
  for (const LayerGroup& group : model.layers) {
    const bool experts = std::holds_alternative<ExpertMlp>(group.kind.feed_forward);
    micros += static_cast<double>(group.count) *
              (costs.layer_launch + (experts ? costs.expert_launch : 0) +
               (flashinfer ? costs.flashinfer_launch : 0));
  }
  return micros;
}

}  // namespace lockstep
