#include "report/sparkline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "report/distribution.hpp"
#include "report/timeline.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kBins = 44;

std::string line(std::string_view label, std::span<const double> values, std::string_view unit,
                 const Painter& painter) {
  const double most = *std::max_element(values.begin(), values.end());
  return fmt::format("  {:<22}{}  up to {:.4g} {}\n", label,
                     painter.paint(style::kLabel, sparkline(values)), most, unit);
}

std::string spread(std::string_view label, std::vector<std::int64_t> times,
                   const Painter& painter) {
  const Distribution sorted(std::move(times));
  if (sorted.empty()) {
    return {};
  }
  const auto low = static_cast<double>(sorted.sorted().front());
  const double high = std::max(sorted.quantile(0.99), low + 1);
  std::vector<double> bins(static_cast<std::size_t>(kBins));
  for (const std::int64_t value : sorted.sorted()) {
    const double place = (static_cast<double>(value) - low) / (high - low);
    const auto bin = static_cast<std::int64_t>(place * static_cast<double>(kBins));
    ++bins[static_cast<std::size_t>(std::min(bin, kBins - 1))];
  }
  return fmt::format("  {:<22}{}  {:.4g} to {:.4g} ms, half below {:.4g}\n", label,
                     painter.paint(style::kThroughput, sparkline(bins)), low / 1e6, high / 1e6,
                     sorted.quantile(0.5) / 1e6);
}

}  // namespace

std::string sparkline(std::span<const double> values) {
  constexpr std::array<std::string_view, 8> kLevels{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const double most = values.empty() ? 0.0 : *std::max_element(values.begin(), values.end());
  std::string text;
  for (const double value : values) {
    const double level = most > 0 ? value / most * 7.0 + 0.5 : 0.0;
    text += kLevels[static_cast<std::size_t>(std::clamp(level, 0.0, 7.0))];
  }
  return text;
}

std::string glance(const RunRecord& record, const Painter& painter) {
  if (record.requests.empty()) {
    return {};
  }
  Timeline time = timeline_of(record, kBins);
  const double per_second = 1e9 / static_cast<double>(time.width_ns);
  for (double& tokens : time.generated_tokens) {
    tokens *= per_second;
  }
  std::vector<std::int64_t> ttft;
  std::vector<std::int64_t> tpot;
  for (const RequestRecord& request : record.requests) {
    if (request.ttft >= 0) {
      ttft.push_back(request.ttft);
    }
    if (request.tpot > 0) {
      tpot.push_back(request.tpot);
    }
  }
  return painter.titled_rule("At a Glance") +
         line("generated tokens", time.generated_tokens, "tok/s", painter) +
         line("running requests", time.running, "", painter) +
         line("waiting requests", time.waiting, "", painter) +
         spread("TTFT", std::move(ttft), painter) + spread("TPOT", std::move(tpot), painter) +
         painter.rule();
}

}  // namespace lockstep
