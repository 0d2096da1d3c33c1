#include "perf_compare_command.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "engine/run_setup.hpp"
#include "perf/bundle.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/bundle_comparison.hpp"
#include "perf/operations/operation_library.hpp"

namespace lockstep {
namespace {

struct CompareFlags {
  std::string bundle;
  std::optional<std::string> gpu, model, model_dir, store;
  bool no_tables = false;
};

/// <hardware>/<owner>/<model>/<variant>, from behind.
struct BundlePlace {
  explicit BundlePlace(std::filesystem::path dir) {
    dir = dir.has_filename() ? dir : dir.parent_path();
    const std::filesystem::path model_dir = dir.parent_path();
    model = (model_dir.parent_path().filename() / model_dir.filename()).string();
    hardware = model_dir.parent_path().parent_path().filename().string();
  }
  std::string hardware, model;
};

void compare(const CompareFlags& flags) {
  const BundlePlace place(flags.bundle);
  RunOptions options;
  options.model_dir = flags.model_dir;
  const ModelConfig model =
      find_model_config(search_paths(options).models, flags.model.value_or(place.model));
  const OperationSource source = operation_times_for({.gpu = flags.gpu.value_or(place.hardware),
                                                      .engine_version = "",
                                                      .store = flags.store,
                                                      .allow_tables = !flags.no_tables});
  const auto gpu = GpuCatalog().find(flags.gpu.value_or(place.hardware));
  const bool one_kernel = gpu && attends_in_one_kernel(gpu->name);
  fmt::print("{}\n", source.times->description());
  for (const std::int64_t tp : degrees_in(flags.bundle)) {
    fmt::print("\n{} at tp {}, (operations - bundle) / bundle in %\n{:<22}{:>8}{:>8}{:>10}{:>8}\n",
               model.name, tp, "layer", "rows", "bias", "median", "p90");
    const auto folder = std::filesystem::path(flags.bundle) / fmt::format("tp{}", tp);
    for (const LayerComparison& one :
         compare_bundle(folder, tp, model, *source.times, one_kernel)) {
      fmt::print("{:<22}{:>8}{:>+8.1f}{:>10.1f}{:>8.1f}\n", one.layer, one.error.samples,
                 100 * one.error.bias, 100 * one.error.median, 100 * one.error.p90);
    }
  }
}

}  // namespace

void add_perf_compare(CLI::App& parent, int& exit_code) {
  CLI::App* command =
      parent.add_subcommand("compare", "times of single operations beside a layer bundle");
  auto flags = std::make_shared<CompareFlags>();
  command->add_option("BUNDLE", flags->bundle, "<hardware>/<owner>/<model>/<variant> with tp<N>/")
      ->required();
  command->add_option("--gpu", flags->gpu, "GPU (default: the folder's)");
  command->add_option("--model", flags->model, "model (default: the folder's)");
  command->add_option("--model-dir", flags->model_dir, "folder of model configs");
  command->add_option("--store", flags->store, "folder of imported tables");
  command->add_flag("--no-tables", flags->no_tables, "fitted coefficients only");
  command->callback([flags, &exit_code] {
    compare(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
