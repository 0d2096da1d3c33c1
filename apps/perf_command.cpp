#include "perf_command.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "command_record.hpp"
#include "config/run_options.hpp"
#include "perf/bundle.hpp"
#include "perf/bundle_check.hpp"
#include "perf/bundle_list.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/kernel_times.hpp"
#include "perf/skew_fitting.hpp"
#include "perf_compare_command.hpp"
#include "perf_errors_command.hpp"
#include "perf_fit_command.hpp"
#include "perf_show_command.hpp"
#include "perf_tables_command.hpp"
#include "report/output_file.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct FitSkewFlags {
  std::string bundle;
  std::optional<std::int64_t> tp;
  std::optional<std::string> output;
};

std::vector<std::int64_t> measured_degrees(const fs::path& bundle) {
  std::vector<std::int64_t> degrees;
  for (const std::int64_t tp : degrees_in(bundle)) {
    if (fs::exists(bundle / fmt::format("tp{}", tp) / "skew.csv")) {
      degrees.push_back(tp);
    }
  }
  if (degrees.empty()) {
    throw UserError("no skew was measured here", Where{bundle.string(), 0, {}},
                    "give the folder of a bundle, which holds tp<N>/skew.csv");
  }
  return degrees;
}

void fit_skew_of(const FitSkewFlags& flags) {
  const fs::path bundle = flags.bundle;
  const auto degrees = flags.tp ? std::vector{*flags.tp} : measured_degrees(bundle);
  if (flags.output && degrees.size() != 1) {
    throw UserError("one output file for several degrees", Where{{}, 0, "--output"},
                    "choose one with --tp, or leave --output out to write into the bundle");
  }
  std::map<std::int64_t, FittedSkew> fits;
  for (const std::int64_t tp : degrees) {
    fits[tp] = fit_skew(read_skew_samples(bundle / fmt::format("tp{}", tp) / "skew.csv"));
  }
  for (const auto& [tp, fit] : fits) {
    const fs::path own = bundle / fmt::format("tp{}", tp) / "skew_fit.csv";
    const OutputFile file(flags.output ? fs::path(*flags.output) : own);
    file.commit(skew_fit_csv(fit));
    CommandRecord::Facts facts;
    if (!flags.tp) {
      facts.more = {"--tp", fmt::format("{}", tp)};
    }
    CommandRecord::write_beside(file.path(), facts);
    fmt::print("# wrote {}: {} buckets\n", file.path().string(), fit.buckets.size());
  }
  fmt::print("# for the bundle's meta.yaml:\n{}", skew_fit_meta(fits));
}

void add_fit_skew(CLI::App& parent, int& exit_code) {
  CLI::App* command =
      parent.add_subcommand("fit-skew", "make skew_fit.csv and its block of meta.yaml");
  auto flags = std::make_shared<FitSkewFlags>();
  command->add_option("BUNDLE", flags->bundle, "folder with tp<N>/skew.csv")->required();
  command->add_option("--tp", flags->tp, "one tensor-parallel degree (default: all)");
  command->add_option("--output", flags->output,
                      "the table's file (default: skew_fit.csv in the bundle)");
  command->callback([flags, &exit_code] {
    fit_skew_of(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

void add_check(CLI::App& parent, int& exit_code) {
  struct Flags {
    std::string bundle;
    std::size_t most = 10;
  };
  CLI::App* command =
      parent.add_subcommand("check", "holes, falling times and outliers of a bundle");
  auto flags = std::make_shared<Flags>();
  command->add_option("BUNDLE", flags->bundle, "folder with tp<N>/")->required();
  command->add_option("--most", flags->most, "findings to list per file and kind")
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    fmt::print("{}", check_text(check_bundle(flags->bundle), flags->most));
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

void add_list(CLI::App& parent, int& exit_code) {
  struct Flags {
    std::optional<std::string> perf_dir;
    std::optional<std::string> store;
  };
  CLI::App* command =
      parent.add_subcommand("list", "bundles, imported tables and analytic GPUs that are known");
  auto flags = std::make_shared<Flags>();
  command->add_option("--perf-dir", flags->perf_dir, "folder of kernel-time bundles");
  command->add_option("--store", flags->store, "folder of imported tables");
  command->callback([flags, &exit_code] {
    RunOptions options;
    options.perf_dir = flags->perf_dir;
    const PerfSources sources = perf_sources(options);
    const auto bundles = list_bundles(sources.roots);
    fmt::print("Measured bundles:{}\n", bundles.empty() ? " none" : "");
    for (const ListedBundle& bundle : bundles) {
      fmt::print("  {} {} {} tp {}  ({})\n", bundle.hardware, bundle.model, bundle.variant,
                 fmt::join(bundle.degrees, ", "), bundle.dir.string());
    }
    fmt::print("{}", store_listing(flags->store));
    fmt::print("Analytic GPUs: {}\n", GpuCatalog().known());
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace

CLI::App* add_perf_command(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("perf", "kernel times: what there is, checks, fits");
  command->require_subcommand(1);
  add_check(*command, exit_code);
  add_perf_compare(*command, exit_code);
  add_fit_skew(*command, exit_code);
  add_list(*command, exit_code);
  add_perf_errors(*command, exit_code);
  add_perf_fit(*command, exit_code);
  add_perf_import(*command, exit_code);
  add_perf_show(*command, exit_code);
  return command;
}

}  // namespace lockstep
