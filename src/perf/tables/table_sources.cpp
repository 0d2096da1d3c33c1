#include "perf/tables/table_sources.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/json_depth.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kEndings = {".csv.zst", ".csv", ".parquet", ".txt"};
constexpr std::string_view kPerf = "_perf";

// "gemm" of "gemm.csv.zst", "gemm_perf.parquet"; empty for other names.
std::string stem_of(const fs::path& file) {
  std::string name = file.filename().string();
  for (const std::string_view ending : kEndings) {
    if (name.ends_with(ending)) {
      name.resize(name.size() - ending.size());
      return name;
    }
  }
  return {};
}

bool engine_is_known(std::string_view engine) {
  return engine == "vllm" || engine == "nccl";
}

// <gpu>/[<family>/]<engine>/<version>/<operation>_perf.*
void read_deep_place(const fs::path& version_dir, TableSource& source) {
  const fs::path engine_dir = version_dir.parent_path();
  fs::path gpu_dir = engine_dir.parent_path();
  if (gpu_dir.parent_path().parent_path().filename() == "data") {
    gpu_dir = gpu_dir.parent_path();
  }
  source.version = version_dir.filename().string();
  source.engine = engine_dir.filename().string();
  source.gpu = gpu_dir.filename().string();
}

std::string text_of(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

const nlohmann::json& manifest(const fs::path& file) {
  static thread_local std::map<fs::path, nlohmann::json> known;
  const auto found = known.find(file);
  if (found != known.end()) {
    return found->second;
  }
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  nlohmann::json json =
      json_is_deeper(text) ? nlohmann::json() : nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) {
    throw UserError("this manifest is not a JSON list of tables", Where{file.string(), 0, {}},
                    "restore it from where the tables came from");
  }
  return known.emplace(file, std::move(json)).first->second;
}

void add_file(const fs::path& file, FoundSources& found) {
  if (file.filename() == "meta.yaml") {
    found.bundles.push_back(file.parent_path());
    return;
  }
  if (file.parent_path().filename().string().starts_with("tp")) {
    return;  // a layer bundle's own tables
  }
  const bool looks_like_one = file.string().ends_with(".csv.zst") ||
                              stem_of(file).ends_with(kPerf) ||
                              measured_operation_from_name(stem_of(file)).has_value();
  if (!looks_like_one) {
    return;
  }
  const auto source = table_source_of(file);
  if (!source) {
    found.passed_over.push_back(
        fmt::format("{}: an operation that is not used, or not in a folder <gpu>/<engine>-<version>"
                    " or <gpu>/<engine>/<version>",
                    file.string()));
  } else if (!engine_is_known(source->engine)) {
    found.passed_over.push_back(
        fmt::format("{}: of the engine {}, which is not simulated", file.string(), source->engine));
  } else {
    found.tables.push_back(*source);
  }
}

}  // namespace

std::optional<TableSource> table_source_of(const fs::path& file) {
  std::string stem = stem_of(file);
  const bool deep = stem.ends_with(kPerf);
  if (deep) {
    stem.resize(stem.size() - kPerf.size());
  }
  const auto operation = measured_operation_from_name(stem);
  if (!operation) {
    return std::nullopt;
  }
  TableSource source;
  source.file = fs::absolute(file).lexically_normal();
  source.operation = *operation;
  const fs::path dir = source.file.parent_path();
  const std::string name = dir.filename().string();
  const std::size_t dash = name.find('-');
  if (deep) {
    read_deep_place(dir, source);
  } else if (dash != std::string::npos) {
    source.engine = name.substr(0, dash);
    source.version = name.substr(dash + 1);
    source.gpu = dir.parent_path().filename().string();
  }
  const bool whole = !source.gpu.empty() && !source.engine.empty() && !source.version.empty();
  return whole ? std::optional(std::move(source)) : std::nullopt;
}

FoundSources find_table_sources(const std::vector<fs::path>& places) {
  FoundSources found;
  for (const fs::path& place : places) {
    std::error_code failed;
    if (fs::is_regular_file(place, failed)) {
      add_file(place, found);
    } else if (fs::is_directory(place, failed)) {
      for (const auto& entry :
           fs::recursive_directory_iterator(place, fs::directory_options::skip_permission_denied)) {
        if (entry.is_regular_file(failed)) {
          add_file(entry.path(), found);
        }
      }
    } else {
      throw UserError("there is nothing to import here", Where{place.string(), 0, {}},
                      "give a file or a folder of kernel-time tables");
    }
  }
  std::sort(found.tables.begin(), found.tables.end(),
            [](const TableSource& a, const TableSource& b) { return a.file < b.file; });
  std::sort(found.bundles.begin(), found.bundles.end());
  std::sort(found.passed_over.begin(), found.passed_over.end());
  return found;
}

std::map<std::string, std::string> manifest_constants(const TableSource& source) {
  const fs::path file = source.file.parent_path().parent_path().parent_path() / "manifest.json";
  std::map<std::string, std::string> constants;
  std::error_code failed;
  if (!fs::is_regular_file(file, failed)) {
    return constants;
  }
  for (const auto& table : manifest(file)) {
    if (table.value("system", "") == source.gpu && table.value("engine", "") == source.engine &&
        table.value("version", "") == source.version &&
        table.value("op", "") == table_schema(source.operation).name &&
        table.contains("constants")) {
      for (const auto& [column, value] : table["constants"].items()) {
        constants[column] = text_of(value);
      }
    }
  }
  return constants;
}

}  // namespace lockstep
