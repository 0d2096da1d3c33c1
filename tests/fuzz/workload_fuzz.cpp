// A workload's lines, with and without their token ids.
#include "fuzz_target.hpp"
#include "workload/workload.hpp"
#include "workload/workload_stats.hpp"

namespace {

void read_workload_bytes(std::string_view bytes) {
  for (const bool ids : {true, false}) {
    static_cast<void>(lockstep::read_workload_text(bytes, "workload.jsonl", {0, ids}));
  }
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(workload, read_workload_bytes)
