#include "perf/operations/coefficient_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "perf/yaml_file.hpp"

namespace lockstep {
namespace {

constexpr double kNoFactor = 0.005;  // a saturation nearer to 1 is not written

YAML::Node required_in(const YamlFile& yaml, const YAML::Node& map, const std::string& key) {
  const YAML::Node node = yaml.child(map, key);
  if (!YamlFile::present(node)) {
    yaml.refuse(map.Mark(), fmt::format("'{}' is missing here", key), "add it");
  }
  return node;
}

double number(const YamlFile& yaml, const YAML::Node& map, const std::string& key) {
  return yaml.finite(required_in(yaml, map, key), key);
}

FitError read_error(const YamlFile& yaml, const YAML::Node& node) {
  FitError error;
  if (YamlFile::present(node)) {
    error.median = number(yaml, node, "median");
    error.p90 = number(yaml, node, "p90");
    error.bias = number(yaml, node, "bias");
    error.samples = static_cast<std::size_t>(number(yaml, node, "rows"));
  }
  return error;
}

void read_factors(const YamlFile& yaml, const YAML::Node& node, const OperationModel& model,
                  OperationCoefficients& fitted) {
  for (const auto& entry : node) {
    const auto name = yaml.as<std::string>(entry.first, "an axis");
    const auto axis = std::find_if(model.axes.begin(), model.axes.end(),
                                   [&](const SaturationAxis& a) { return a.name == name; });
    if (axis == model.axes.end()) {
      yaml.refuse(entry.first.Mark(), fmt::format("'{}' is no size of {}", name, model.name),
                  "make the file again with lockstep perf fit");
    }
    auto& factors = fitted.factors[static_cast<std::size_t>(axis - model.axes.begin())];
    for (const auto& point : entry.second) {
      const double knot = yaml.finite(point.first, "a size");
      const auto place = std::find_if(axis->knots.begin(), axis->knots.end(),
                                      [&](double k) { return std::abs(k - knot) < 1e-6; });
      const double factor = yaml.finite(point.second, "a factor");
      if (place == axis->knots.end() || factor <= 0) {
        yaml.refuse(point.first.Mark(), "this is no factor at a knot of the model",
                    "make the file again with lockstep perf fit");
      }
      factors[static_cast<std::size_t>(place - axis->knots.begin())] = std::log(factor);
    }
  }
}

FittedSet read_set(const YamlFile& yaml, const YAML::Node& node, const OperationModel& model) {
  FittedSet set;
  set.table = yaml.as<std::string>(required_in(yaml, node, "table"), "table");
  set.date = yaml.as<std::string>(required_in(yaml, node, "date"), "date");
  set.rows = static_cast<std::size_t>(number(yaml, node, "rows"));
  set.held_out = read_error(yaml, yaml.child(node, "held_out_rows"));
  set.groups = read_error(yaml, yaml.child(node, "held_out_groups"));
  set.coefficients = starting_coefficients(model);
  const YAML::Node values = required_in(yaml, node, "coefficients");
  for (std::size_t i = 0; i < model.coefficients.size(); ++i) {
    const YAML::Node entry = required_in(yaml, values, std::string(model.coefficients[i].name));
    set.coefficients.values[i] = number(yaml, entry, "value");
  }
  const YAML::Node factors = yaml.child(node, "saturation");
  if (YamlFile::present(factors)) {
    read_factors(yaml, factors, model, set.coefficients);
  }
  return set;
}

std::string error_text(std::string_view key, const FitError& error) {
  return error.samples == 0
             ? std::string()
             : fmt::format("    {}: {{median: {:.3f}, p90: {:.3f}, bias: {:.3f}, rows: {}}}\n", key,
                           error.median, error.p90, error.bias, error.samples);
}

std::string set_text(const std::string& name, const FittedSet& set) {
  const OperationModel& model = *coefficient_sets()[coefficient_set(name)].model;
  std::string text = fmt::format("  {}:\n    table: {}\n    date: '{}'\n    rows: {}\n", name,
                                 set.table, set.date, set.rows);
  text += error_text("held_out_rows", set.held_out);
  text += error_text("held_out_groups", set.groups);
  text += "    coefficients:\n";
  for (std::size_t i = 0; i < model.coefficients.size(); ++i) {
    const CoefficientSpec& spec = model.coefficients[i];
    text += fmt::format("      {}: {{value: {:.4g}, unit: {}}}\n", spec.name,
                        set.coefficients.values[i], spec.unit);
  }
  std::string factors;
  for (std::size_t axis = 0; axis < model.axes.size(); ++axis) {
    std::string line;
    for (std::size_t k = 0; k < model.axes[axis].knots.size(); ++k) {
      const double factor = set.coefficients.factors[axis][k];
      if (std::abs(factor) >= kNoFactor) {
        line += fmt::format("{}{:g}: {:.3f}", line.empty() ? "" : ", ", model.axes[axis].knots[k],
                            std::exp(factor));
      }
    }
    if (!line.empty()) {
      factors += fmt::format("      {}: {{{}}}\n", model.axes[axis].name, line);
    }
  }
  return text + (factors.empty() ? "" : "    saturation:  # factor at 2^key\n" + factors);
}

}  // namespace

CoefficientFile read_coefficient_file(const std::filesystem::path& path) {
  const YamlFile yaml(path);
  CoefficientFile file;
  file.gpu = yaml.as<std::string>(required_in(yaml, yaml.root(), "gpu"), "gpu");
  file.table = yaml.as<std::string>(required_in(yaml, yaml.root(), "measured_on"), "measured_on");
  for (const auto& entry : required_in(yaml, yaml.root(), "operations")) {
    const auto name = yaml.as<std::string>(entry.first, "an operation");
    const auto& sets = coefficient_sets();
    const auto set = std::find_if(sets.begin(), sets.end(),
                                  [&](const CoefficientSet& s) { return s.name == name; });
    if (set == sets.end()) {
      yaml.refuse(entry.first.Mark(), fmt::format("'{}' is no operation", name),
                  "make the file again with lockstep perf fit");
    }
    file.sets[name] = read_set(yaml, entry.second, *set->model);
  }
  return file;
}

std::string coefficient_file_text(const CoefficientFile& file) {
  std::string text = fmt::format(
      "# Coefficients of the {}'s operations, fitted by `lockstep perf fit`; the fields are\n"
      "# explained in docs/kernel-times.md. Errors are |model - measured| / measured on rows (or\n"
      "# whole head sizes, whole models) that the fit did not see.\n"
      "gpu: {}\nmeasured_on: {}\n"
      "source: tables of AIConfigurator (ai-dynamo/aiconfigurator, Apache-2.0)\noperations:\n",
      file.gpu, file.gpu, file.table);
  for (const CoefficientSet& set : coefficient_sets()) {
    if (const auto found = file.sets.find(set.name); found != file.sets.end()) {
      text += set_text(set.name, found->second);
    }
  }
  return text;
}

void keep_others(CoefficientFile& fitted, const CoefficientFile& before) {
  fitted.sets.insert(before.sets.begin(), before.sets.end());
}

std::string newest_fit(const CoefficientFile& file) {
  std::string newest;
  for (const auto& [name, set] : file.sets) {
    newest = std::max(newest, set.date);
  }
  return newest;
}

std::size_t number_count(const CoefficientFile& file) {
  std::size_t count = 0;
  for (const auto& [name, set] : file.sets) {
    count += set.coefficients.values.size();
    for (const auto& factors : set.coefficients.factors) {
      count +=
          static_cast<std::size_t>(std::count_if(factors.begin(), factors.end(), [](double factor) {
            return std::abs(factor) >= kNoFactor;
          }));
    }
  }
  return count;
}

}  // namespace lockstep
