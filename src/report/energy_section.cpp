#include "report/energy_section.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "config/number_text.hpp"
#include "report/summary_line.hpp"

namespace lockstep {
namespace {

constexpr std::array<std::string_view, 7> kComponentNames = {"Base Node", "NPU", "CPU",    "Memory",
                                                             "Link",      "NIC", "Storage"};

std::string kilojoules(double joules) {
  return fmt::format("{:.2f}", joules / 1000.0);
}

std::string node_lines(std::size_t id, const NodeEnergy& node) {
  std::string text = summary_line(fmt::format("Node {} total energy consumption (kJ):", id),
                                  kilojoules(node.total));
  for (std::size_t c = 0; c < kComponentNames.size(); ++c) {
    text += summary_line(
        fmt::format("{} {} energy consumption (J):", c + 1 < kComponentNames.size() ? "├─" : "└─",
                    kComponentNames[c]),
        fmt::format("{:.2f}", node.components[c]));
  }
  return text;
}

}  // namespace

std::string energy_section(const RunResult& result, double log_interval, const Painter& painter) {
  if (result.energy.empty()) {
    return {};
  }
  std::string text = painter.titled_rule("Power Modeling Results");
  text += summary_line("Total energy consumption (kJ):", kilojoules(result.total_energy));
  for (std::size_t k = 0; k < result.energy.size(); ++k) {
    text += painter.rule();
    text += node_lines(k, result.energy[k]);
    text += painter.rule();
  }
  text += fmt::format("Power per {:g} sec (W): [", log_interval);
  std::string_view separator;
  for (const double power : result.interval_power) {
    fmt::format_to(std::back_inserter(text), "{}{}", separator, float_text(power));
    separator = ", ";
  }
  text += "]\n";
  return text + painter.rule();
}

}  // namespace lockstep
