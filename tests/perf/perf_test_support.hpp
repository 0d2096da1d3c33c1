// Small bundles written to a folder of the test's own, and instances that ask for them.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "perf/kernel_times.hpp"
#include "reference_data.hpp"

namespace lockstep::testing {

/// A folder that lives as long as the object.
class TempDir {
public:
  TempDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lockstep-perf-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Writes a file, making its folders.
  std::filesystem::path write(const std::string& name, std::string_view content) const {
    const std::filesystem::path file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << content;
    return file;
  }

private:
  std::filesystem::path path_;
};

inline ModelConfig small_model(const std::string& name = "owner/model") {
  ModelConfig model;
  model.name = name;
  model.model_type = "llama";
  model.hidden_size = 4096;
  model.num_hidden_layers = 32;
  model.num_attention_heads = 32;
  model.num_key_value_heads = 8;
  model.head_dim = 128;
  model.intermediate_size = 14336;
  model.moe_intermediate_size = 14336;
  model.vocab_size = 128256;
  model.max_position_embeddings = 131072;
  return model;
}

inline Instance instance_of(const std::string& hardware, const ModelConfig& model,
                            std::int64_t tp = 1) {
  Instance instance;
  instance.hardware = hardware;
  instance.model = std::make_shared<const ModelConfig>(model);
  instance.tp = tp;
  return instance;
}

/// Looks in `root` only, and never at the analytic model.
inline PerfSources only(const std::filesystem::path& root) {
  return {.roots = {root}, .allow_analytic = false};
}

}  // namespace lockstep::testing
