// The spec of a plan.
#include "fuzz_target.hpp"
#include "plan/plan_spec.hpp"

namespace {

void read_plan_bytes(std::string_view bytes) {
  static_cast<void>(lockstep::read_plan_spec(lockstep::fuzz::file_of(bytes, "plan.yaml")));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(plan, read_plan_bytes)
