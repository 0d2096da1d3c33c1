// The results of benchmark clients: vLLM's, GuideLLM's, a log of requests.
#include "fuzz_target.hpp"
#include "validation/bench_import.hpp"

namespace {

void read_bench_bytes(std::string_view bytes) {
  const bool lines = lockstep::fuzz::take_choice(bytes, 2) == 1;
  lockstep::BenchImport what;
  what.files = {lockstep::fuzz::file_of(bytes, lines ? "log.jsonl" : "result.json")};
  static_cast<void>(lockstep::read_client_run(what));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(bench_import, read_bench_bytes)
