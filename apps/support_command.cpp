#include "support_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/run_options.hpp"
#include "gpu_names.hpp"
#include "perf/data_dirs.hpp"
#include "perf/kernel_times.hpp"
#include "perf/operations/support_report.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct SupportFlags {
  std::vector<std::string> models;
  std::vector<std::string> gpus;
  std::vector<std::string> precisions;
  std::optional<std::string> store;
  std::optional<std::string> perf_dir;
};

// A config.json by path, else a model of configs/model by name; all of those without a question.
std::vector<ModelConfig> models_of(const SupportFlags& flags) {
  const std::vector<fs::path> dirs = data_dirs("configs/model");
  std::vector<ModelConfig> models;
  for (const std::string& name : flags.models) {
    models.push_back(fs::is_regular_file(name) ? read_model_config(name, fs::path(name).stem())
                                               : find_model_config(dirs, name));
  }
  if (!flags.models.empty()) {
    return models;
  }
  for (const fs::path& dir : dirs) {
    std::error_code failed;
    for (const auto& entry : fs::recursive_directory_iterator(dir, failed)) {
      if (entry.path().extension() == ".json") {
        const fs::path name = fs::relative(entry.path(), dir).replace_extension();
        models.push_back(read_model_config(entry.path(), name.string()));
      }
    }
    if (!models.empty()) {
      break;
    }
  }
  std::sort(models.begin(), models.end(),
            [](const ModelConfig& a, const ModelConfig& b) { return a.name < b.name; });
  return models;
}

Precision precision_of(const std::string& name) {
  std::string known;
  for (int i = 0; i < kPrecisionCount; ++i) {
    const auto precision = static_cast<Precision>(i);
    if (precision_name(precision) == name) {
      return precision;
    }
    known += fmt::format("{}{}", known.empty() ? "" : ", ", precision_name(precision));
  }
  throw UserError(fmt::format("'{}' is no precision", name), Where{{}, 0, "--precision"},
                  "use " + known);
}

void print_support(const SupportFlags& flags) {
  SupportRequest request;
  request.models = models_of(flags);
  GpuCatalog catalog;
  for (const std::string& gpu : flags.gpus) {
    request.gpus.push_back(known_gpu(catalog, gpu, "--gpu")->name);
  }
  request.store = flags.store;
  for (const std::string& name : flags.precisions) {
    request.precisions.push_back(precision_of(name));
  }
  if (request.precisions.empty()) {
    request.precisions = {Precision::bfloat16, Precision::fp8, Precision::nvfp4};
  }
  RunOptions options;
  options.perf_dir = flags.perf_dir;
  request.bundle_roots = perf_sources(options).roots;
  fmt::print("{}", support_text(support_rows(request)));
}

}  // namespace

void add_support_command(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand(
      "support", "model x GPU x precision: where kernel times come from, and their error");
  auto flags = std::make_shared<SupportFlags>();
  command->add_option("MODEL", flags->models, "config.json files or names (default: all known)");
  command->add_option("--gpu", flags->gpus, "GPUs (default: all known)");
  command->add_option("--precision", flags->precisions,
                      "precisions (default: bfloat16, fp8, nvfp4)");
  command->add_option("--store", flags->store, "folder of imported tables");
  command->add_option("--perf-dir", flags->perf_dir, "folder of kernel-time bundles");
  command->callback([flags, &exit_code] {
    print_support(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
