#include "sweep/result_csv.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace lockstep {
namespace {

std::string value_text(const nlohmann::ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

void append_settings(std::string& csv, const std::vector<std::string>& names,
                     const Settings& settings) {
  for (const std::string& name : names) {
    csv += ',';
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const Setting& s) { return s.name == name; });
    if (found != settings.end()) {
      csv += csv_field(value_text(found->value));
    }
  }
}

void append_figures(std::string& csv, const Outcome& outcome) {
  for (std::size_t i = 0; i < figure_names().size(); ++i) {
    csv += ',';
    if (outcome.error.empty() && !std::isnan(outcome.figures.values[i])) {
      fmt::format_to(std::back_inserter(csv), "{}", outcome.figures.values[i]);
    }
  }
}

}  // namespace

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    return std::string(text);
  }
  std::string field = "\"";
  for (const char c : text) {
    field += c == '"' ? "\"\"" : std::string(1, c);
  }
  return field + '"';
}

std::string result_csv(const WorkList& work, ResultStore& store) {
  std::string csv = "config";
  for (const std::string& name : work.spec().names()) {
    csv += ',' + csv_field(name);
  }
  csv += ",error";
  for (const std::string_view name : figure_names()) {
    csv += ',';
    csv += name;
  }
  csv += '\n';
  for (const std::int64_t config : work.configs()) {
    const auto outcome = store.find(work.key(config));
    if (!outcome) {
      continue;
    }
    csv += std::to_string(config);
    append_settings(csv, work.spec().names(), work.spec().settings(config));
    csv += ',' + csv_field(outcome->error);
    append_figures(csv, *outcome);
    csv += '\n';
  }
  return csv;
}

}  // namespace lockstep
