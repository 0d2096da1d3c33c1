#include "closed_loop/measured_points.hpp"

#include <fmt/format.h>

#include <string_view>

#include "base/error.hpp"
#include "base/read_log.hpp"
#include "perf/csv_file.hpp"

namespace lockstep {
namespace {

class Columns {
public:
  explicit Columns(const CsvFile& csv) : csv_(csv) {}
  [[nodiscard]] std::string text(std::string_view name) const {
    return std::string(csv_.text(csv_.column(name)));
  }
  [[nodiscard]] std::int64_t whole(std::string_view name) const {
    return csv_.key(csv_.column(name));
  }
  /// Empty without such a column.
  [[nodiscard]] std::string text_if_any(std::string_view name) const {
    const auto column = csv_.find_column(name);
    return column ? std::string(csv_.text(*column)) : std::string();
  }
  /// 1 when the cell is empty.
  [[nodiscard]] std::int64_t degree(std::string_view name) const {
    const std::size_t column = csv_.column(name);
    return csv_.text(column).empty() ? 1 : csv_.key(column);
  }
  [[nodiscard]] double number(std::string_view name) const {
    return csv_.number(csv_.column(name));
  }

private:
  const CsvFile& csv_;
};

MeasuredPoint read_point(const Columns& row) {
  MeasuredPoint point;
  point.id = row.text("id");
  point.model = row.text("model");
  point.precision = row.text("precision");
  point.gpu = row.text("gpu");
  point.engine_version = row.text("vllm");
  point.source = row.text("source");
  point.recipe = row.text("recipe");
  point.measured = row.text_if_any("measured");
  point.aggregated = row.text("mode") == "agg";
  point.input = row.whole("isl");
  point.output = row.whole("osl");
  point.concurrency = row.whole("concurrency");
  point.ttft_ms = row.number("ttft_ms");
  point.tpot_ms = row.number("tpot_ms");
  if (point.aggregated) {
    point.tp = row.degree("tp");
    point.pp = row.degree("pp");
    point.attention_dp = row.degree("attention_dp");
    point.moe_ep = row.degree("moe_ep");
  }
  return point;
}

}  // namespace

std::vector<MeasuredPoint> read_measured_points(const std::filesystem::path& file) {
  ReadLog::note(file, "measured points");
  CsvFile csv(file);
  const Columns row(csv);
  std::vector<MeasuredPoint> points;
  while (csv.next_row()) {
    if (row.text("same_as").empty()) {
      points.push_back(read_point(row));
    }
  }
  return points;
}

std::map<std::string, Recipe, std::less<>> read_recipes(const std::filesystem::path& file) {
  static constexpr std::string_view kColumns[] = {"checkpoint",
                                                  "gpu_memory_utilization",
                                                  "max_num_batched_tokens",
                                                  "max_num_seqs",
                                                  "kv_cache_dtype",
                                                  "block_size",
                                                  "async_scheduling",
                                                  "cuda_graphs",
                                                  "graph_capture_max",
                                                  "stream_interval",
                                                  "fusions",
                                                  "experts",
                                                  "expert_parallel"};
  ReadLog::note(file, "recipes");
  CsvFile csv(file);
  const Columns row(csv);
  std::map<std::string, Recipe, std::less<>> recipes;
  while (csv.next_row()) {
    Recipe& recipe = recipes[row.text("recipe")];
    recipe.emplace("from", row.text_if_any("from"));
    for (const std::string_view column : kColumns) {
      recipe.emplace(column, row.text(column));
    }
  }
  return recipes;
}

void correct_recipe(std::map<std::string, Recipe, std::less<>>& recipes, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::size_t dot = text.rfind('.', equals);
  const bool whole = equals != std::string::npos && dot != std::string::npos;
  const auto recipe = whole ? recipes.find(text.substr(0, dot)) : recipes.end();
  if (recipe == recipes.end() ||
      recipe->second.find(text.substr(dot + 1, equals - dot - 1)) == recipe->second.end()) {
    throw UserError(fmt::format("'{}' corrects no recipe", text), Where{{}, 0, "--correct"},
                    "give RECIPE.COLUMN=VALUE, with a recipe and a column of the recipes' file");
  }
  recipe->second.find(text.substr(dot + 1, equals - dot - 1))->second = text.substr(equals + 1);
}

}  // namespace lockstep
