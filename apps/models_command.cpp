#include "models_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "engine/run_setup.hpp"
#include "model/description/cache_size.hpp"
#include "model/description/parameter_count.hpp"
#include "model/description/read_description.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct ShowFlags {
  std::string model;
  std::optional<std::string> model_dir;
  DescriptionOptions options;
};

double billions(std::int64_t count) {
  return static_cast<double>(count) / 1e9;
}

double gib(Bytes bytes) {
  return static_cast<double>(bytes.count()) / static_cast<double>(kGiB);
}

std::vector<fs::path> model_dirs(const std::optional<std::string>& given) {
  RunOptions options;
  options.model_dir = given;
  return search_paths(options).models;
}

void print_layers(const ModelDescription& model) {
  fmt::print("\nLayers: {}\n", model.num_layers());
  for (const LayerGroup& group : model.layers) {
    fmt::print("  {:>3} x {}; {}\n", group.count, mixer_text(group.kind.mixer),
               feed_forward_text(group.kind.feed_forward));
    const Bytes cache = cache_bytes_per_token(model, group.kind);
    const Bytes state = state_bytes(model, group.kind);
    if (cache.count() > 0) {
      fmt::print("        cache: {} bytes a token and layer\n", cache.count());
    }
    if (state.count() > 0) {
      fmt::print("        state: {} bytes a sequence and layer\n", state.count());
    }
  }
}

void print_weights(const ModelDescription& model) {
  const ParameterCount count = count_parameters(model);
  fmt::print("\n  {:<16}{:<28}{:>12}{:>12}{:>12}\n", "weights", "format", "billions", "active",
             "GiB");
  for (const WeightCount& part : count.parts) {
    fmt::print("  {:<16}{:<28}{:>12.4f}{:>12.4f}{:>12.3f}\n", weight_kind_name(part.kind),
               format_text(part.format), billions(part.count), billions(part.touched),
               gib(part.bytes()));
  }
  fmt::print("  {:<44}{:>12.4f}{:>12.4f}{:>12.3f}\n", "in all", billions(count.total()),
             billions(count.active()), gib(count.bytes()));
  if (model.prediction_layers > 0) {
    fmt::print("  {} prediction layers beside: {:.4f} billions, not loaded unless asked for\n",
               model.prediction_layers, billions(count_prediction_parameters(model)));
  }
}

void show(const ShowFlags& flags) {
  const ModelDescription model =
      find_description(model_dirs(flags.model_dir), flags.model, flags.options);
  fmt::print("{}: {} ({}), hidden {}, vocabulary {}, context {}{}\n", model.name, model.family,
             model.model_type, model.hidden, model.vocab, model.max_context,
             model.tied_head ? ", head tied to the embedding" : "");
  print_layers(model);
  print_weights(model);
  fmt::print("\nKV cache: {} bytes a token in {}\n", cache_bytes_per_token(model).count(),
             model.fp8_cache ? "fp8" : weight_type_name(model.base.type));
  if (state_bytes(model).count() > 0) {
    fmt::print("States: {} bytes a sequence\n", state_bytes(model).count());
  }
}

void list(const std::optional<std::string>& model_dir) {
  fmt::print("Families, by the model_type of their config.json:\n");
  for (const ListedFamily& family : list_families()) {
    fmt::print("  {:<26}{}\n", family.name, fmt::join(family.model_types, ", "));
  }
  std::vector<std::string> names;
  for (const fs::path& dir : model_dirs(model_dir)) {
    std::error_code error;
    fs::recursive_directory_iterator entry(dir, fs::directory_options::skip_permission_denied,
                                           error);
    for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      if (name.size() > 5 && name.ends_with(".json") && !name.ends_with(".quant.json")) {
        names.push_back(entry->path().lexically_relative(dir).replace_extension().string());
      }
    }
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  fmt::print("\nConfigs at hand; the path of any other config.json will do as well:\n");
  for (const std::string& name : names) {
    fmt::print("  {}\n", name);
  }
}

}  // namespace

CLI::App* add_models_command(CLI::App& root, int& exit_code) {
  CLI::App* command = root.add_subcommand("models", "known models, and what a config.json implies");
  command->require_subcommand(0, 1);
  command->callback([command, &exit_code] {
    if (command->get_subcommands().empty()) {
      list({});
      exit_code = static_cast<int>(ExitCode::ok);
    }
  });
  auto flags = std::make_shared<ShowFlags>();
  CLI::App* one = command->add_subcommand("show", "layers, weights by format, cache and states");
  one->add_option("MODEL", flags->model, "name, config.json or a folder that holds one")
      ->required();
  one->add_option("--model-dir", flags->model_dir, "folder of model configs");
  one->add_option("--dtype", flags->options.dtype,
                  "auto, float16, bfloat16, float32, or fp8 (quantised on load)")
      ->capture_default_str();
  one->add_option("--kv-cache-dtype", flags->options.kv_cache_dtype, "auto, bfloat16, fp8")
      ->capture_default_str();
  one->callback([flags, &exit_code] {
    show(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  CLI::App* all = command->add_subcommand("list", "known families and configs at hand");
  auto dir = std::make_shared<std::optional<std::string>>();
  all->add_option("--model-dir", *dir, "folder of model configs");
  all->callback([dir, &exit_code] {
    list(*dir);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
