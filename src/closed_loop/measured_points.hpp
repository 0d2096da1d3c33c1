// Measured serving points: one model, precision, GPU and plan under closed-loop load, with the mean
// TTFT and TPOT of a real server; and the server's flags, which points name as recipes. Both are
// CSV files, columns found by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace lockstep {

struct MeasuredPoint {
  std::string id, model, precision, gpu, engine_version, source, recipe;
  std::string measured;    ///< day, "2026-04-03"; may be empty
  bool aggregated = true;  ///< false: prefill and decode workers apart
  std::int64_t input = 0;  ///< nominal
  std::int64_t output = 0;
  std::int64_t concurrency = 0;
  std::int64_t tp = 1;
  std::int64_t pp = 1;
  std::int64_t attention_dp = 1;
  std::int64_t moe_ep = 1;
  double ttft_ms = 0;
  double tpot_ms = 0;

  /// Lengths of this benchmark are drawn from [0.8 n, n]; other sources mean n itself.
  [[nodiscard]] bool varied_lengths() const { return source.rfind("InferenceX", 0) == 0; }
};

/// Rows that repeat another (`same_as`) are left out. Throws UserError naming file and line.
[[nodiscard]] std::vector<MeasuredPoint> read_measured_points(const std::filesystem::path& file);

/// A recipe's settings by column name, as text.
using Recipe = std::map<std::string, std::string, std::less<>>;
[[nodiscard]] std::map<std::string, Recipe, std::less<>> read_recipes(
    const std::filesystem::path& file);

/// "recipe.column=value": what a run is known to have had instead. Throws UserError when there is
/// no such recipe or column.
void correct_recipe(std::map<std::string, Recipe, std::less<>>& recipes, const std::string& text);

}  // namespace lockstep
