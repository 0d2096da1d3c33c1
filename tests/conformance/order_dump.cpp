// Runs a simulation from `lockstep run` arguments and prints what happened in which order: with
// --polls every question of a free NPU with its answer, else every batch as it was sent.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "config/run_flags.hpp"
#include "engine/run_setup.hpp"
#include "engine/simulation.hpp"

namespace lockstep {
namespace {

class PollPrinter final : public RunObserver {
public:
  void on_poll(std::int32_t npu, std::int64_t iteration, Nanos now, PollAnswer answer) override {
    constexpr const char* kNames[] = {"pass", "done", "exit", "run"};
    fmt::print("{},{},{},{}\n", npu, iteration, now.count(),
               kNames[static_cast<std::size_t>(answer)]);
  }
  [[nodiscard]] bool wants_polls() const override { return true; }
};

/// Columns: instance, batch, batch_time_ns, total_len, num_prefill, num_decode, prefill_q,
/// prefill_k, decode_k, load, request_ids; lists are space-joined.
class BatchPrinter final : public RunObserver {
public:
  [[nodiscard]] bool wants_batches() const override { return true; }
  void on_batch(const Batch& batch) override {
    std::vector<std::int64_t> q, k, decode, ids;
    for (const BatchEntry& entry : batch.entries) {
      ids.push_back(entry.request->id);
      if (entry.tokens > 1) {
        q.push_back(entry.tokens);
        k.push_back(entry.computed_before);
      } else {
        decode.push_back(entry.computed_before);
      }
    }
    if (batch.dummy) {
      decode.push_back(1);
    }
    fmt::print("{},{},{},{},{},{},{},{},{},{},{}\n", batch.instance, batch.id,
               batch.batch_time.count(), batch.total_len, batch.num_prefill, batch.num_decode,
               fmt::join(q, " "), fmt::join(k, " "), fmt::join(decode, " "), batch.load.count(),
               fmt::join(ids, " "));
  }
};

void dump(std::vector<std::string> args) {
  const bool polls = !args.empty() && args.front() == "--polls";
  if (polls) {
    args.erase(args.begin());
  }
  args.insert(args.begin(), {"--fidelity", "reference"});
  const RunFlags flags = parse_run_flags(args, "order_dump");
  const auto& parsed = std::get<ParsedFlags>(flags);
  const RunSetup setup = load_run(parsed.options);
  KernelTimeLibrary library(setup.perf);
  PollPrinter poll_printer;
  BatchPrinter batch_printer;
  RunObserver& observer = polls ? static_cast<RunObserver&>(poll_printer) : batch_printer;
  Simulation simulation(setup.cluster, parsed.options, setup.workload ? &*setup.workload : nullptr,
                        library, observer);
  simulation.run();
}

}  // namespace
}  // namespace lockstep

int main(int argc, char** argv) {
  try {
    lockstep::dump({argv + 1, argv + argc});
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
