// What clients send, checked and given to the router.
#include <utility>

#include "engine/simulation.hpp"
#include "engine/workload_checks.hpp"

namespace lockstep {

void Simulation::load(const RequestsOfRun& requests) {
  std::optional<std::string> late;
  if (requests.whole != nullptr) {
    check_requests(*requests.whole, cluster_, kv_capacity_, options_);
    late = late_beginning(*requests.whole, options_);
    router_->load(*requests.whole, prompts_of(options_, policy_));
  } else if (requests.streamed != nullptr) {
    check_requests(*requests.streamed, cluster_, kv_capacity_, options_);
    late = late_beginning(requests.streamed->survey.first_arrival, options_);
    router_->stream(*requests.streamed, prompts_of(options_, policy_));
    for (auto& instance : instances_) {
      instance->scheduler().forget_done();
    }
  } else {
    router_->load_built_in();
  }
  if (late) {
    warnings_.push_back(std::move(*late));
  }
}

}  // namespace lockstep
