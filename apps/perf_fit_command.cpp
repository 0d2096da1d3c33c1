#include "perf_fit_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "command_record.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/gpu_fit.hpp"
#include "report/output_file.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct PerfFitFlags {
  std::vector<std::string> gpus;
  std::optional<std::string> store;
  std::string output = "hardware/operations";
  GpuFitOptions options;
  bool dry_run = false;
  std::string from;  ///< a GPU whose coefficients are tried on the others' tables
};

// The GPUs of the store that are asked for, by either name; all without a question.
std::vector<std::string> wanted(const PerfFitFlags& flags, const TableStore& store,
                                GpuCatalog& catalog) {
  std::set<std::string> present;
  for (const ListedTable& table : store.list()) {
    present.insert(table.origin.gpu);
  }
  if (present.empty()) {
    throw UserError("there are no tables to fit", Where{store.root().string(), 0, {}},
                    "import some: lockstep perf import FOLDER");
  }
  if (flags.gpus.empty()) {
    return {present.begin(), present.end()};
  }
  std::vector<std::string> result;
  for (const std::string& gpu : flags.gpus) {
    const auto facts = catalog.find(gpu);
    std::string found;
    for (const std::string& name : present) {
      const auto other = catalog.find(name);
      if (name == gpu || (facts && other && other->name == facts->name)) {
        found = name;
      }
    }
    if (found.empty()) {
      throw UserError(fmt::format("no tables of {} were imported", gpu), Where{{}, 0, "--gpu"},
                      fmt::format("there are: {}", fmt::join(present, ", ")));
    }
    result.push_back(found);
  }
  return result;
}

void try_on(const PerfFitFlags& flags, const TableStore& store, GpuCatalog& catalog) {
  const CoefficientFile from =
      read_coefficient_file(fs::path(flags.output) / (flags.from + ".yaml"));
  for (const std::string& name : wanted(flags, store, catalog)) {
    const auto facts = catalog.find(name);
    if (facts && facts->name != from.gpu) {
      for (const auto& [set, error] : transfer_errors(from, *facts, name, store)) {
        fmt::print("{} from {}: {} {:.1f} / {:.1f} %, bias {:+.1f} %\n", facts->name, from.gpu, set,
                   error.median * 100.0, error.p90 * 100.0, error.bias * 100.0);
      }
    }
  }
}

/// What was not fitted this time stays as it was.
void write(const PerfFitFlags& flags, const CoefficientFile& fitted) {
  const fs::path path = fs::path(flags.output) / (fitted.gpu + ".yaml");
  CoefficientFile file = fitted;
  if (!flags.options.only.empty() && fs::exists(path)) {
    keep_others(file, read_coefficient_file(path));
  }
  const OutputFile out(path);
  out.commit(coefficient_file_text(file));
  CommandRecord::write_beside(out.path(), {});
  fmt::print("# wrote {}: {} numbers\n", out.path().string(), number_count(file));
}

void fit_all(PerfFitFlags& flags) {
  const TableStore store(flags.store);
  GpuCatalog catalog;
  if (!flags.from.empty()) {
    try_on(flags, store, catalog);
    return;
  }
  flags.options.progress = [](const std::string& line) {
    fmt::print("{}\n", line);
    static_cast<void>(std::fflush(stdout));
  };
  for (const std::string& name : wanted(flags, store, catalog)) {
    const auto facts = catalog.find(name);
    if (!facts) {
      fmt::print("# passed over {}: hardware/ has no datasheet of it\n", name);
      continue;
    }
    const CoefficientFile fitted = fit_gpu(*facts, name, store, flags.options);
    if (!flags.dry_run) {
      write(flags, fitted);
    }
  }
}

}  // namespace

void add_perf_fit(CLI::App& parent, int& exit_code) {
  CLI::App* command =
      parent.add_subcommand("fit", "coefficients of GPUs from their imported tables");
  auto flags = std::make_shared<PerfFitFlags>();
  command->add_option("--gpu", flags->gpus, "GPUs to fit (default: all that were imported)");
  command->add_option("--store", flags->store, "folder of imported tables");
  command->add_option("--date", flags->options.date, "date to write beside what is fitted");
  command->add_option("--output", flags->output, "folder for the files")->capture_default_str();
  command->add_option("--only", flags->options.only,
                      "only operations whose name contains this; others in the files stay");
  command->add_option("--transfer-from", flags->from,
                      "fit nothing: print the error of this GPU's coefficients on the others");
  command->add_flag("--dry-run", flags->dry_run, "print the errors, write nothing");
  command->callback([flags, &exit_code] {
    // What has no date must replace nothing.
    flags->dry_run = flags->dry_run || flags->options.date.empty();
    fit_all(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
