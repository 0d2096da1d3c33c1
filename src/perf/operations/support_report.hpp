// What the simulator can say of a model on a GPU at a precision, and how well: for each kind of
// operation where its times come from, and the measured error of that source.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/model_config.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/operations.hpp"

namespace lockstep {

struct SupportCell {
  std::string operation;  ///< "products", "attention", "experts", "all-reduce"
  std::string source;  ///< "tables 0.24.0, exact shape", "coefficients", "H100's coefficients", ...
  std::optional<double> median;  ///< relative error of that source on rows it did not see
  std::optional<double> p90;
  bool missing = false;
};

struct SupportRow {
  std::string model;
  std::string gpu;
  Precision precision = Precision::bfloat16;
  std::vector<std::string> bundles;  ///< measured layer by layer: "bf16 tp 1, 2"
  std::vector<SupportCell> cells;
  std::string advice;  ///< how to get what is missing; empty when nothing is
};

struct SupportRequest {
  std::vector<ModelConfig> models;
  std::vector<std::string> gpus;  ///< empty: all of hardware/
  std::vector<Precision> precisions;
  std::optional<std::filesystem::path> store;
  std::vector<std::filesystem::path> bundle_roots;
};

[[nodiscard]] std::vector<SupportRow> support_rows(const SupportRequest& request);
[[nodiscard]] std::string support_text(const std::vector<SupportRow>& rows);

/// Whether a GPU has arithmetic (or at least kernels) for a precision at all.
[[nodiscard]] bool can_compute(const GpuFacts& gpu, Precision precision);

}  // namespace lockstep
