// Which GPU a hardware name stands for.
#include <algorithm>
#include <cctype>
#include <system_error>
#include <utility>

#include "perf/data_dirs.hpp"
#include "perf/gpu_facts.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

// Upper-case letters and digits only: "RTX PRO 6000" and "rtx-pro-6000" are the same name.
std::string normalised(std::string_view name) {
  std::string result;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0) {
      result += static_cast<char>(std::toupper(byte));
    }
  }
  return result;
}

std::vector<fs::path> yaml_files(const fs::path& dir) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    if (entry.path().extension() == ".yaml") {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

/// The file that is called as the GPU is: most runs need one GPU, and reading them all takes longer
/// than a short run. Nothing: none is called so, or what is in it has another name.
std::shared_ptr<const GpuFacts> called(const std::string& wanted,
                                       const std::vector<fs::path>& dirs) {
  for (const fs::path& dir : dirs) {
    for (const fs::path& file : yaml_files(dir)) {
      if (normalised(file.stem().string()) == wanted) {
        auto gpu = std::make_shared<const GpuFacts>(read_gpu_facts(file));
        return normalised(gpu->name) == wanted ? gpu : nullptr;
      }
    }
  }
  return nullptr;
}

}  // namespace

GpuCatalog::GpuCatalog() : GpuCatalog(data_dirs("hardware")) {}

GpuCatalog::GpuCatalog(std::vector<fs::path> dirs) : dirs_(std::move(dirs)) {}

void GpuCatalog::load() {
  if (std::exchange(loaded_, true)) {
    return;
  }
  for (const fs::path& dir : dirs_) {
    for (const fs::path& file : yaml_files(dir)) {
      auto gpu = std::make_shared<const GpuFacts>(read_gpu_facts(file));
      const std::string name = gpu->name;
      gpus_.emplace(name, std::move(gpu));
    }
  }
}

std::shared_ptr<const GpuFacts> GpuCatalog::find(const std::string& hardware) {
  const std::string wanted = normalised(hardware);
  if (!loaded_) {
    if (const auto known = gpus_.find(hardware); known != gpus_.end()) {
      return known->second;
    }
    if (auto gpu = called(wanted, dirs_)) {
      return gpus_.emplace(gpu->name, gpu).first->second;
    }
  }
  load();
  std::shared_ptr<const GpuFacts> found;
  std::size_t longest = 0;
  const auto consider = [&](const std::shared_ptr<const GpuFacts>& gpu, std::string_view name) {
    const std::string candidate = normalised(name);
    if (candidate.size() > longest && wanted.find(candidate) != std::string::npos) {
      longest = candidate.size();
      found = gpu;
    }
  };
  for (const auto& [name, gpu] : gpus_) {
    consider(gpu, name);
    for (const std::string& alias : gpu->aliases) {
      consider(gpu, alias);
    }
  }
  return found;
}

std::vector<std::string> GpuCatalog::names() {
  load();
  std::vector<std::string> names;
  for (const auto& [name, gpu] : gpus_) {
    names.push_back(name);
  }
  return names;
}

std::string GpuCatalog::known() {
  load();
  std::string names;
  for (const auto& [name, gpu] : gpus_) {
    names += names.empty() ? "" : ", ";
    names += name;
  }
  return names.empty() ? "none: there is no hardware/*.yaml" : names;
}

}  // namespace lockstep
