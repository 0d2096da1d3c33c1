#include "perf_errors_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/leave_one_out.hpp"
#include "perf/operations/operation_library.hpp"

namespace lockstep {
namespace {

struct ErrorFlags {
  std::optional<std::string> store;
  std::string gpu;
  std::string only;
  std::size_t most = 4000;
};

std::string cells(const std::array<FitError, 3>& errors) {
  std::string text;
  for (const FitError& error : errors) {
    text += error.samples == 0
                ? fmt::format(" {:>13}", "-")
                : fmt::format(" {:>5.1f} / {:>5.1f}", error.median * 100.0, error.p90 * 100.0);
  }
  return text;
}

void print_errors(const ErrorFlags& flags) {
  const TableStore store(flags.store);
  GpuCatalog catalog;
  const auto wanted = flags.gpu.empty() ? nullptr : catalog.find(flags.gpu);
  fmt::print(
      "Leave-one-out error, median / p90 in %, of the rules linear, log-log, ratio to the "
      "analytic model\n{:<46} {:^41} {:^41}\n",
      "table", "a point left out", "a slice left out");
  for (const ListedTable& listed : store.list()) {
    const auto gpu = catalog.find(listed.origin.gpu);
    const auto name = std::string(table_schema(listed.origin.operation).name);
    if (!gpu || (wanted && wanted->name != gpu->name) ||
        (!flags.only.empty() && name != flags.only)) {
      continue;
    }
    const auto errors = leave_one_out(store.open(listed), analytic_operations_for(gpu), flags.most);
    fmt::print(
        "{:<46}{}{}\n",
        fmt::format("{} {} {} {}", gpu->name, listed.origin.engine, listed.origin.version, name),
        cells(errors.points), cells(errors.slices));
    std::fflush(stdout);
  }
}

}  // namespace

void add_perf_errors(CLI::App& parent, int& exit_code) {
  CLI::App* command = parent.add_subcommand(
      "errors", "leave-one-out error of imported tables under each rule of interpolation");
  auto flags = std::make_shared<ErrorFlags>();
  command->add_option("--store", flags->store, "folder of imported tables");
  command->add_option("--gpu", flags->gpu, "one GPU (default: all)");
  command->add_option("--operation", flags->only, "one operation (default: all)");
  command->add_option("--samples", flags->most, "points to leave out, per table")
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    print_errors(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
