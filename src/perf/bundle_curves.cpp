#include "perf/bundle_curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "base/error.hpp"
#include "perf/csv_file.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFixed = 5;

using Points = std::map<std::int64_t, double>;

/// Evenly spread over the values, with the first and the last.
std::set<std::int64_t> few_of(const std::set<std::int64_t>& all) {
  if (all.size() <= kMostFixed) {
    return all;
  }
  const std::vector<std::int64_t> values(all.begin(), all.end());
  std::set<std::int64_t> few;
  for (std::size_t i = 0; i < kMostFixed; ++i) {
    few.insert(values[i * (values.size() - 1) / (kMostFixed - 1)]);
  }
  return few;
}

ShownCurve curve_of(std::string name, const Points& points) {
  return {std::move(name), {points.begin(), points.end()}};
}

CurveSet by_layer(const fs::path& file, std::string title, std::string_view key) {
  CsvFile csv(file);
  const std::size_t layer = csv.column("layer");
  const std::size_t place = csv.column(key);
  const std::size_t time = csv.column("time_us");
  std::map<std::string, Points> layers;
  while (csv.next_row()) {
    if (csv.key(place) > 0) {
      layers[std::string(csv.text(layer))][csv.key(place)] = csv.number(time);
    }
  }
  CurveSet set{std::move(title), std::string(key), {}};
  for (const auto& [name, points] : layers) {
    set.curves.push_back(curve_of(name, points));
  }
  return set;
}

/// Which rows of a table belong to a set: `zero` column 0, one curve for a few values of `fixed`.
struct Cut {
  std::string_view title, x, fixed, zero;
};

CurveSet by_key(const fs::path& file, std::string title, const Cut& cut) {
  CsvFile csv(file);
  const std::size_t x = csv.column(cut.x);
  const std::size_t fixed = csv.column(cut.fixed);
  const std::size_t time = csv.column("time_us");
  const auto zero = cut.zero.empty() ? std::nullopt : std::optional(csv.column(cut.zero));
  std::map<std::int64_t, Points> found;
  while (csv.next_row()) {
    if (csv.key(x) > 0 && (!zero || csv.key(*zero) == 0)) {
      found[csv.key(fixed)][csv.key(x)] = csv.number(time);
    }
  }
  std::set<std::int64_t> values;
  for (const auto& [value, points] : found) {
    if (points.size() > 1) {
      values.insert(value);
    }
  }
  CurveSet set{std::move(title), std::string(cut.x), {}};
  for (const std::int64_t value : few_of(values)) {
    set.curves.push_back(curve_of(fmt::format("{} {}", cut.fixed, value), found[value]));
  }
  return set;
}

}  // namespace

std::vector<CurveSet> bundle_curves(const fs::path& dir, std::int64_t degree) {
  const std::string tp = fmt::format("tp{}", degree);
  const fs::path folder = dir / tp;
  std::vector<CurveSet> sets;
  for (const auto& [name, key] : {std::pair<std::string, std::string_view>{"dense", "tokens"},
                                  {"per_sequence", "sequences"}}) {
    if (fs::exists(folder / (name + ".csv"))) {
      sets.push_back(by_layer(folder / (name + ".csv"), tp + " " + name, key));
    }
  }
  if (const fs::path file = folder / "attention.csv"; fs::exists(file)) {
    for (const Cut& cut : {Cut{"prefill alone", "prefill_chunk", "kv_prefill", "n_decode"},
                           Cut{"decodes alone", "kv_decode", "n_decode", "prefill_chunk"}}) {
      sets.push_back(by_key(file, fmt::format("{} attention, {}", tp, cut.title), cut));
    }
  }
  if (const fs::path file = folder / "moe.csv"; fs::exists(file)) {
    sets.push_back(by_key(file, tp + " moe", {"", "tokens", "activated_experts", ""}));
  }
  std::erase_if(sets, [](const CurveSet& set) { return set.curves.empty(); });
  if (sets.empty()) {
    throw UserError("there is no table to show", {folder.string(), 0, ""},
                    "give the folder of a bundle, which holds tp<N>/dense.csv and others; "
                    "`lockstep perf list` names those that are known");
  }
  return sets;
}

}  // namespace lockstep
