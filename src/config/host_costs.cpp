#include "config/host_costs.hpp"

#include <array>

namespace lockstep {

std::span<const HostCostField> host_cost_fields() {
  static constexpr std::array<HostCostField, 9> kFields = {
      {{"step", &HostCosts::step},
       {"step_per_sequence", &HostCosts::step_per_sequence},
       {"gap", &HostCosts::gap},
       {"kernel_launch", &HostCosts::kernel_launch},
       {"flashinfer_launch", &HostCosts::flashinfer_launch},
       {"attention_launch", &HostCosts::attention_launch},
       {"request", &HostCosts::request},
       {"prompt_token", &HostCosts::prompt_token},
       {"reply", &HostCosts::reply}}};
  return kFields;
}

}  // namespace lockstep
