// The description of a GPU (hardware/*.yaml).
#include "fuzz_target.hpp"
#include "perf/gpu_facts.hpp"

namespace {

void read_gpu_bytes(std::string_view bytes) {
  static_cast<void>(lockstep::read_gpu_facts(lockstep::fuzz::file_of(bytes, "gpu.yaml")));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(gpu, read_gpu_bytes)
