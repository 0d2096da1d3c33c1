// The spec of a sweep and, of a small one, every configuration's description.
#include "fuzz_target.hpp"
#include "sweep/sweep_spec.hpp"
#include "sweep/yaml_document.hpp"

namespace {

void read_sweep_bytes(std::string_view bytes) {
  using namespace lockstep;
  const SweepSpec spec = SweepSpec::parse(parse_yaml(std::string(bytes), "sweep.yaml"));
  constexpr std::int64_t kMost = 8;
  for (std::int64_t i = 0; i < std::min(kMost, spec.size()); ++i) {
    static_cast<void>(describe_run(spec.base(), spec.settings(i)));
  }
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(sweep, read_sweep_bytes)
