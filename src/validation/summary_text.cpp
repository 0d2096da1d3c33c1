#include "validation/summary_text.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

namespace lockstep {

std::string summary_text(const Comparison& comparison) {
  constexpr std::array<std::string_view, MetricFigures::kFigures> kNames = {"Mean", "Median", "P90",
                                                                            "P95", "P99"};
  std::string text =
      fmt::format("{:<25}{:>12}{:>12}{:>10}\n{:-<59}\n", "Metric", "vLLM", "Sim", "Diff%", "");
  const char* separator = "";
  for (const auto& [name, metric] :
       {std::pair{"TTFT", &comparison.ttft}, std::pair{"TPOT", &comparison.tpot},
        std::pair{"Latency", &comparison.latency}}) {
    text += std::exchange(separator, "\n");
    for (std::size_t i = 0; i < kNames.size(); ++i) {
      const double recorded = metric->recorded.figures[i] / 1e6;
      const double simulated = metric->simulated.figures[i] / 1e6;
      text +=
          fmt::format("{:<25}{:>12.1f}{:>12.1f}{:>+9.1f}%\n", fmt::format("{} {}", name, kNames[i]),
                      recorded, simulated, error_percent(recorded, simulated));
    }
  }
  return text;
}

}  // namespace lockstep
