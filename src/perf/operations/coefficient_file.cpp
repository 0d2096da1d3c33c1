#include "perf/operations/coefficient_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "perf/operations/saturation.hpp"
#include "perf/yaml_file.hpp"

namespace lockstep {
namespace {

constexpr double kNoFactor = 0.005;  // a saturation nearer to 1 is not written

YAML::Node required_in(const YamlFile& yaml, const YAML::Node& map, const std::string& key) {
  const YAML::Node node = yaml.child(map, key);
  if (!YamlFile::present(node)) {
    yaml.refuse(map.Mark(), fmt::format("'{}' is missing here", key),
                "add it; a file of another version is best made again with lockstep perf fit");
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

/// The first of `count` names that is `name`; none is an error there.
template <class NameOf>
std::size_t place_of(const YamlFile& yaml, const YAML::Node& key, std::size_t count,
                     const NameOf& name_of, std::string_view what) {
  const auto name = yaml.as<std::string>(key, "a name");
  for (std::size_t place = 0; place < count; ++place) {
    if (name_of(place) == name) {
      return place;
    }
  }
  yaml.refuse(key.Mark(), fmt::format("'{}' is {}", name, what),
              "make the file again with lockstep perf fit");
}

void read_factors(const YamlFile& yaml, const YAML::Node& node, const OperationModel& model,
                  OperationCoefficients& fitted) {
  for (const auto& entry : node) {
    const std::size_t term = place_of(
        yaml, entry.first, term_count(model), [&](std::size_t t) { return term_name(model, t); },
        fmt::format("no size of {}", model.name));
    for (const auto& point : entry.second) {
      const std::size_t place = place_of(
          yaml, point.first, term_size(model, term),
          [&](std::size_t k) { return factor_name(model, term, k); }, "no knot of the model");
      const double factor = yaml.finite(point.second, "a factor");
      if (factor <= 0) {
        yaml.refuse(point.second.Mark(), "a factor is above 0",
                    "make the file again with lockstep perf fit");
      }
      fitted.factors[term][place] = std::log(factor);
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
  for (std::size_t term = 0; term < term_count(model); ++term) {
    std::string line;
    for (std::size_t k = 0; k < term_size(model, term); ++k) {
      const double factor = set.coefficients.factors[term][k];
      if (std::abs(factor) >= kNoFactor) {
        line += fmt::format("{}{}: {:.3f}", line.empty() ? "" : ", ", factor_name(model, term, k),
                            std::exp(factor));
      }
    }
    if (!line.empty()) {
      factors += fmt::format("      {}: {{{}}}\n", term_name(model, term), line);
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
