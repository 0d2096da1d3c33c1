#include "perf/bundle_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "perf/bundle.hpp"
#include "perf/csv_file.hpp"
#include "perf/skew_fitting.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// One table: its key columns, and for each axis the columns whose values a family of lines
/// shares.
struct TableForm {
  std::string_view name;
  bool by_layer;
  std::vector<std::string_view> keys;
  std::vector<std::vector<std::size_t>> family;  ///< by axis; empty lists: all lines
  std::vector<std::size_t> hole_axes;
};

const std::array<TableForm, 4>& forms() {
  static const std::array<TableForm, 4> all = {
      TableForm{"dense.csv", true, {"tokens"}, {{}}, {0}},
      TableForm{"per_sequence.csv", true, {"sequences"}, {{}}, {0}},
      TableForm{"moe.csv", false, {"tokens", "activated_experts"}, {{}, {}}, {0, 1}},
      TableForm{"attention.csv",
                false,
                {"prefill_chunk", "kv_prefill", "n_decode", "kv_decode"},
                {{}, {}, {0, 1}, {0, 1}},
                {2, 3}}};
  return all;
}

struct Cell {
  std::string layer;
  std::vector<std::int64_t> keys;
  double micros = 0;
};

std::vector<Cell> read_cells(const fs::path& file, const TableForm& form) {
  CsvFile csv(file);
  std::vector<std::size_t> columns;
  for (const std::string_view key : form.keys) {
    columns.push_back(csv.column(key));
  }
  const std::size_t time = csv.column("time_us");
  const std::size_t layer = form.by_layer ? csv.column("layer") : 0;
  std::vector<Cell> cells;
  while (csv.next_row()) {
    Cell& cell = cells.emplace_back();
    if (form.by_layer) {
      cell.layer = csv.text(layer);
    }
    for (const std::size_t column : columns) {
      cell.keys.push_back(csv.key(column));
    }
    cell.micros = csv.number(time);
  }
  return cells;
}

std::string text_of(const Cell& cell) {
  const std::string keys = fmt::format("{}", fmt::join(cell.keys, ","));
  return cell.layer.empty() ? keys : cell.layer + "," + keys;
}

/// Cells that differ along one axis only, ascending.
using Line = std::vector<const Cell*>;
using Family = std::vector<std::int64_t>;

std::map<std::pair<std::string, Family>, Line> lines_along(const std::vector<Cell>& cells,
                                                           std::size_t axis) {
  std::map<std::pair<std::string, Family>, Line> lines;
  for (const Cell& cell : cells) {
    Family others = cell.keys;
    others[axis] = -1;
    lines[{cell.layer, others}].push_back(&cell);
  }
  for (auto& [key, line] : lines) {
    std::sort(line.begin(), line.end(),
              [&](const Cell* a, const Cell* b) { return a->keys[axis] < b->keys[axis]; });
  }
  return lines;
}

class TableCheck {
public:
  TableCheck(std::string file, const TableForm& form, std::vector<Cell> cells)
      : file_(std::move(file)), form_(form), cells_(std::move(cells)) {}

  /// Every sample once per kind, with the worst of its ratios.
  [[nodiscard]] std::vector<Finding> findings() {
    for (std::size_t axis = 0; axis < form_.keys.size(); ++axis) {
      const auto lines = lines_along(cells_, axis);
      for (const auto& [key, line] : lines) {
        look_along(line);
      }
      if (std::find(form_.hole_axes.begin(), form_.hole_axes.end(), axis) !=
          form_.hole_axes.end()) {
        find_holes(lines, axis);
      }
    }
    std::vector<Finding> result;
    for (const auto& [key, ratio] : worst_) {
      result.push_back({key.first, file_, key.second, ratio});
    }
    std::stable_sort(result.begin(), result.end(), [](const Finding& a, const Finding& b) {
      return std::tuple(a.kind, -badness(a.ratio)) < std::tuple(b.kind, -badness(b.ratio));
    });
    return result;
  }

private:
  /// How far a ratio is from 1, in either direction.
  static double badness(double ratio) { return ratio <= 0 ? 0 : std::max(ratio, 1 / ratio); }

  void add(FindingKind kind, const std::string& sample, double ratio) {
    double& worst = worst_[{kind, sample}];
    if (badness(ratio) > badness(worst)) {
      worst = ratio;
    }
  }

  void look_along(const Line& line) {
    std::vector<bool> outlier(line.size(), false);
    for (std::size_t i = 1; i + 1 < line.size(); ++i) {
      const auto [low, high] = std::minmax(line[i - 1]->micros, line[i + 1]->micros);
      const double time = line[i]->micros;
      if (time > high * (1 + kOutlierLimit) || time * (1 + kOutlierLimit) < low) {
        outlier[i] = true;
        add(FindingKind::outlier, text_of(*line[i]), time / (time > high ? high : low));
      }
    }
    for (std::size_t i = 1; i < line.size(); ++i) {
      const double ratio = line[i]->micros / line[i - 1]->micros;
      if (!outlier[i] && !outlier[i - 1] && ratio < 1 - kFallLimit) {
        add(FindingKind::fall, text_of(*line[i]), ratio);
      }
    }
  }

  void find_holes(const std::map<std::pair<std::string, Family>, Line>& lines, std::size_t axis) {
    const auto family_of = [&](const Family& others) {
      Family family;
      for (const std::size_t column : form_.family[axis]) {
        family.push_back(others[column]);
      }
      return family;
    };
    std::map<Family, std::set<std::int64_t>> values;
    for (const auto& [key, line] : lines) {
      for (const Cell* cell : line) {
        values[family_of(key.second)].insert(cell->keys[axis]);
      }
    }
    for (const auto& [key, line] : lines) {
      const auto& known = values.at(family_of(key.second));
      std::size_t at = 0;
      for (auto value = known.lower_bound(line.front()->keys[axis]);
           value != known.end() && *value < line.back()->keys[axis]; ++value) {
        if (line[at]->keys[axis] == *value) {
          ++at;
          continue;
        }
        Cell missing{key.first, key.second, 0};
        missing.keys[axis] = *value;
        add(FindingKind::hole, text_of(missing), 0);
      }
    }
  }

  std::string file_;
  const TableForm& form_;
  std::vector<Cell> cells_;
  std::map<std::pair<FindingKind, std::string>, double> worst_;
};

/// What skew.csv says about the table fitted to it.
void check_skew(const fs::path& folder, const std::string& tp, std::vector<std::string>& notes) {
  std::error_code failed;
  if (!fs::exists(folder / "skew.csv", failed)) {
    notes.push_back(tp + ": no skew.csv, so that uneven contexts are not corrected");
    return;
  }
  const auto samples = read_skew_samples(folder / "skew.csv");
  const FittedSkew fit = fit_skew(samples);
  notes.push_back(
      fmt::format("{}/skew.csv: {} of {} samples say nothing (largest context not "
                  "slower than the mean)",
                  tp, samples.size() - static_cast<std::size_t>(fit.samples), samples.size()));
  if (!fs::exists(folder / "skew_fit.csv", failed)) {
    notes.push_back(tp + ": no skew_fit.csv; make it with `lockstep perf fit-skew`");
  }
}

constexpr std::array<std::string_view, 3> kKindNames = {"holes", "falling times", "outliers"};

std::string line_of(const Finding& finding) {
  return finding.kind == FindingKind::hole
             ? fmt::format("    {}\n", finding.sample)
             : fmt::format("    {}  x{:.2f}\n", finding.sample, finding.ratio);
}

}  // namespace

BundleCheck check_bundle(const fs::path& dir) {
  const auto degrees = degrees_in(dir);
  if (degrees.empty()) {
    throw UserError("this folder is no bundle: it has no tp<N>", Where{dir.string(), 0, {}},
                    "give <root>/<hardware>/<model>/<variant>; `lockstep perf list` shows them");
  }
  BundleCheck check;
  check.dir = dir;
  for (const std::int64_t degree : degrees) {
    const std::string tp = fmt::format("tp{}", degree);
    for (const TableForm& form : forms()) {
      const fs::path file = dir / tp / form.name;
      const std::string name = fmt::format("{}/{}", tp, form.name);
      std::error_code failed;
      if (!fs::exists(file, failed)) {
        if (form.name != "moe.csv") {
          check.notes.push_back(name + " is absent");
        }
        continue;
      }
      auto findings = TableCheck(name, form, read_cells(file, form)).findings();
      check.findings.insert(check.findings.end(), findings.begin(), findings.end());
    }
    check_skew(dir / tp, tp, check.notes);
  }
  return check;
}

std::string check_text(const BundleCheck& check, std::size_t most) {
  std::map<std::pair<std::string, FindingKind>, std::vector<const Finding*>> groups;
  std::set<std::pair<std::string, std::string>> again;
  for (const Finding& finding : check.findings) {
    groups[{finding.file, finding.kind}].push_back(&finding);
    again.emplace(finding.file, finding.sample);
  }
  std::string text = fmt::format("{}\n", check.dir.string());
  for (const auto& [key, group] : groups) {
    text += fmt::format("  {}: {} {}\n", key.first, group.size(),
                        kKindNames[static_cast<std::size_t>(key.second)]);
    for (const Finding* finding : std::span(group).first(std::min(most, group.size()))) {
      text += line_of(*finding);
    }
    if (group.size() > most) {
      text += fmt::format("    ... and {} more (--most)\n", group.size() - most);
    }
  }
  for (const std::string& note : check.notes) {
    text += fmt::format("  {}\n", note);
  }
  return text + fmt::format("  to measure again: {} samples\n", again.size());
}

}  // namespace lockstep
