#include "paths.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <stdexcept>
#include <utility>
#include <variant>

#include "base/error.hpp"
#include "config/run_flags.hpp"
#include "engine/prepared_run.hpp"
#include "engine/program.hpp"
#include "engine/run_setup.hpp"
#include "engine/system_fixture.hpp"
#include "iteration/chakra.hpp"
#include "report/request_csv.hpp"

namespace lockstep::testing {
namespace {

constexpr std::string_view kRefused = "refused: ";
constexpr std::string_view kBatches = "batches:\n";

/// Keeps what every path must show alike, and ends a run that asks for ever.
class Watcher final : public RunObserver {
public:
  Watcher(Path path, const Cluster& cluster, const FidelityPolicy& policy)
      : path_(path), cluster_(cluster), policy_(policy) {}

  void on_batch(const Batch& batch) override {
    batches_ +=
        fmt::format("{} {} {} {} {} {} {}\n", batch.id, batch.instance, batch.entries.size(),
                    batch.total_len, batch.padding, batch.dummy, batch.batch_time.count());
  }
  void on_poll(std::int32_t, std::int64_t, Nanos, PollAnswer) override {
    constexpr std::int64_t kMostPolls = 20'000'000;
    if (++polls_ > kMostPolls) {
      throw std::logic_error("the run does not end");
    }
  }
  void on_program(const Batch& batch, const IterationTrace& trace, const Program&) override {
    if (path_ == Path::exported) {
      check_round_trip(batch, trace);
    }
  }
  [[nodiscard]] bool wants_polls() const override {
    return path_ != Path::fast && path_ != Path::quiet;
  }
  [[nodiscard]] bool wants_batches() const override { return path_ != Path::quiet; }
  [[nodiscard]] bool wants_programs() const override { return path_ == Path::exported; }
  [[nodiscard]] const std::string& batches() const { return batches_; }

private:
  /// Graph to bytes to graph, and rows to text to rows: the bytes are the same again.
  void check_round_trip(const Batch& batch, const IterationTrace& trace) const {
    const Instance& instance = cluster_.instances[static_cast<std::size_t>(batch.instance)];
    const GraphContext context{instance.num_npus, instance.first_npu,
                               instance.enable_local_offloading, !policy_.experts_overlap_dispatch,
                               !policy_.pim_breaks_the_chain};
    const std::string text = to_text(trace);
    const ParsedTrace parsed = parse_trace(text, "exported");
    if (to_text(parsed.trace) != text) {
      throw std::logic_error("the text of a trace comes back another");
    }
    const auto from_text = build_graphs(parsed.trace, context);
    const auto graphs = build_graphs(trace, context);
    for (std::size_t i = 0; i < graphs.size(); ++i) {
      const std::vector<std::string> names(graphs[i].size(), "node");  // those of rows are not read
      const std::string bytes = write_chakra(graphs[i], names);
      if (write_chakra(from_text[i], names) != bytes) {
        throw std::logic_error("the text of a trace gives another graph");
      }
      if (write_chakra(read_chakra(bytes, graphs[i].npu, "exported"), names) != bytes) {
        throw std::logic_error("a graph file comes back another");
      }
    }
  }

  Path path_;
  const Cluster& cluster_;
  FidelityPolicy policy_;
  std::string batches_;
  std::int64_t polls_ = 0;
};

std::string figures(const RunResult& result) {
  std::string text = fmt::format(
      "clocks {} requests {} input {} prompt {} generated {} preemptions {} recompute {} steps {}\n"
      "prefix {} npu-hits {} lower-hits {} blocks {} leaks {} energy {} intervals {} power {} "
      "look-ups {}\n",
      result.total_clocks.count(), result.requests, result.input_tokens, result.prompt_tokens,
      result.generated_tokens, result.preemptions, result.recompute_tokens, result.steps,
      result.prefix.requested, result.prefix.npu_hit, result.prefix.lower_hit,
      result.peak_kv_blocks, result.leaks, result.total_energy, result.interval_throughput,
      result.interval_power, result.lookups.by_source);
  for (const NodeEnergy& node : result.energy) {
    text += fmt::format("node {} {}\n", node.total, node.components);
  }
  return text;
}

ParsedFlags flags_of(const Case& made, Path path) {
  std::vector<std::string> words = made.flags;
  if (path != Path::fast && path != Path::quiet) {
    words.emplace_back("--no-fold-layers");
  }
  words.insert(words.end(), {"--model-dir", ToyModels::paths().models.front().string()});
  RunFlags flags = parse_run_flags(words);
  if (const auto* usage = std::get_if<UsageError>(&flags)) {
    throw UserError(usage->message, {}, "");
  }
  ParsedFlags parsed = std::get<ParsedFlags>(std::move(flags));
  parsed.options.dataset = "workload";
  return parsed;
}

std::string run(const Case& made, Path path, std::shared_ptr<KernelTimeStore> bundles) {
  const ParsedFlags flags = flags_of(made, path);
  const RunSetup setup = load_run(flags.options, {made.cluster, made.workload});
  KernelTimeLibrary library(setup.perf, std::move(bundles));
  Watcher watcher(path, setup.cluster, FidelityPolicy::for_mode(flags.options.fidelity));
  PreparedRun prepared(flags, setup.cluster, &*setup.workload, library, watcher);
  const RunResult result = prepared.simulation().run();
  return request_csv(result, setup.cluster) + figures(result) +
         fmt::format("{}\n{}", fmt::join(prepared.warnings(), "\n"), kBatches) + watcher.batches();
}

}  // namespace

std::string outcome_of(const Case& made, Path path, std::shared_ptr<KernelTimeStore> bundles) {
  try {
    return run(made, path, std::move(bundles));
  } catch (const UserError& error) {
    return fmt::format("{}{}", kRefused, error.what());
  }
}

std::string without_batches(const std::string& outcome) {
  const std::size_t begin = outcome.find(kBatches);
  return begin == std::string::npos ? outcome : outcome.substr(0, begin);
}

bool is_refusal(const std::string& outcome) {
  return outcome.starts_with(kRefused);
}

}  // namespace lockstep::testing
