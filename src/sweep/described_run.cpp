#include "sweep/described_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "base/error.hpp"
#include "config/cluster_document.hpp"
#include "engine/prepared_run.hpp"
#include "engine/run_setup.hpp"
#include "sweep/cluster_edit.hpp"

namespace lockstep {
namespace {

/// Counts what a console would have shown.
class WarningCounter : public RunObserver {
public:
  void on_log(const LogRecord& record) override {
    warnings_ += record.severity >= LogSeverity::warning ? 1 : 0;
  }
  [[nodiscard]] std::int64_t warnings() const { return warnings_; }

private:
  std::int64_t warnings_ = 0;
};

/// Problem, place and mend on one line.
std::string one_line(std::string text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n') {
      line += ';';
    } else if (c != ' ' || line.empty() || line.back() != ' ') {
      line += c;
    }
  }
  return line;
}

}  // namespace

JsonDocument make_cluster_document(const RunDescription& run, SharedInputs& inputs) {
  JsonDocument document = *inputs.cluster(run.cluster_file);
  for (const Setting& edit : run.cluster_edits) {
    const std::string path = edit.name.substr(edit.name.find('.') + 1);
    if (!edit.name.starts_with("copies.")) {
      set_by_path(document, path, edit.value);
    } else if (edit.value.is_number_integer()) {
      repeat_by_path(document, path, edit.value.get<std::int64_t>());
    } else {
      throw UserError(fmt::format("{} is no whole number", edit.name), {document.file, 0, path},
                      "give the number of copies");
    }
  }
  return document;
}

namespace {

/// Everything that a run needs, made in this order.
class ReadyRun {
public:
  ReadyRun(const RunInputs& run, SharedInputs& inputs)
      : cluster_(resolve_cluster(run.cluster, run.flags.options, search_paths(run.flags.options))),
        workload_(inputs.workload(recipe_for(run.workload))),
        library_(perf_sources(run.flags.options), inputs.bundles()),
        prepared_(run.flags, cluster_, workload_.get(), library_, counter_),
        warnings_before_(std::ssize(prepared_.warnings())) {}

  RunFigures simulate(const ServiceLevel& promise) {
    const RunResult result = prepared_.simulation().run();
    return run_figures(result, {cluster_, prepared_.simulation().kv_capacity(), promise,
                                warnings_before_ + counter_.warnings()});
  }

private:
  /// Nobody looks at token ids where nothing is cached.
  [[nodiscard]] WorkloadRecipe recipe_for(WorkloadRecipe recipe) const {
    recipe.with_token_ids =
        recipe.with_token_ids &&
        std::any_of(cluster_.instances.begin(), cluster_.instances.end(),
                    [](const Instance& instance) { return instance.enable_prefix_caching; });
    return recipe;
  }

  Cluster cluster_;
  std::shared_ptr<const Workload> workload_;
  KernelTimeLibrary library_;
  WarningCounter counter_;
  PreparedRun prepared_;
  std::int64_t warnings_before_;
};

}  // namespace

RunFigures simulate(const RunInputs& run, const ServiceLevel& promise, SharedInputs& inputs) {
  return ReadyRun(run, inputs).simulate(promise);
}

void check_run(const RunInputs& run, SharedInputs& inputs) {
  static_cast<void>(ReadyRun(run, inputs));
}

RunFigures simulate(const RunDescription& run, const ServiceLevel& promise, SharedInputs& inputs) {
  return simulate({make_cluster_document(run, inputs), run.flags, run.workload}, promise, inputs);
}

Outcome try_simulate(const JsonDocument& base, const Settings& settings,
                     const ServiceLevel& promise, SharedInputs& inputs) {
  Outcome outcome;
  try {
    outcome.figures = simulate(describe_run(base, settings), promise, inputs);
  } catch (const UserError& error) {
    outcome.error = one_line(error.what());
  } catch (const std::exception& error) {
    outcome.error = one_line(fmt::format("internal error: {}", error.what()));
    outcome.internal = true;
  }
  return outcome;
}

}  // namespace lockstep
