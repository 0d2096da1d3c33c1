#include "report/summary.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "config/number_text.hpp"
#include "report/energy_section.hpp"
#include "report/latency_section.hpp"
#include "report/summary_line.hpp"

namespace lockstep {
namespace {

/// "0h 2m 36.519s".
std::string duration_text(double seconds) {
  const double hours = std::floor(seconds / 3600.0);
  const double rest = seconds - hours * 3600.0;
  const double minutes = std::floor(rest / 60.0);
  return fmt::format("{:.0f}h {:.0f}m {:.3f}s", hours, minutes, rest - minutes * 60.0);
}

/// A run that took no time has no rate; it prints as 0.00.
std::string rate_text(std::int64_t count, double seconds) {
  return fmt::format("{:.2f}", seconds > 0.0 ? static_cast<double>(count) / seconds : 0.0);
}

std::string percent_text(std::int64_t part, std::int64_t whole) {
  return fmt::format("{:.2f}", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string series_text(const std::vector<std::array<double, 2>>& intervals) {
  std::string text = "[";
  for (const auto& [prompt, generation] : intervals) {
    fmt::format_to(std::back_inserter(text), "{}({}, {})", text.size() > 1 ? ", " : "",
                   float_text(prompt), float_text(generation));
  }
  return text + ']';
}

std::string preemption_lines(const RunResult& result) {
  std::string text;
  if (result.preemptions > 0) {
    text += summary_line("Preemptions:", result.preemptions);
  }
  if (result.recompute_tokens > 0) {
    text += summary_line("Recomputed prompt tokens (preemption):", result.recompute_tokens,
                         kSummaryLabelColumns + 1);  // one column off in the reference, too
  }
  return text;
}

std::string throughput_section(const RunResult& result, double log_interval,
                               const Painter& painter) {
  const double seconds = static_cast<double>(result.total_clocks.count()) / 1e9;
  std::string text = painter.titled_rule("Throughput Results");
  text += summary_line("Total requests:", result.requests);
  text += summary_line("Total clocks (ns):", result.total_clocks.count());
  text += summary_line("Total latency (s):", fmt::format("{:.3f}", seconds));
  text += summary_line("Total input tokens:", result.input_tokens);
  text += preemption_lines(result);
  text += summary_line("Total generated tokens:", result.generated_tokens);
  text += summary_line("Request throughput (req/s):", rate_text(result.requests, seconds));
  text +=
      summary_line("Average prompt throughput (tok/s):", rate_text(result.prompt_tokens, seconds));
  text += summary_line("Average generation throughput (tok/s):",
                       rate_text(result.generated_tokens, seconds));
  text += summary_line("Total token throughput (tok/s):",
                       rate_text(result.prompt_tokens + result.generated_tokens, seconds));
  text += fmt::format("Throughput per {:g} sec ([prompt_throughput], [gen_throughput]): {}\n",
                      log_interval, series_text(result.interval_throughput));
  return text + painter.rule();
}

std::string lower_tier_lines(const PrefixTotals& prefix) {
  if (prefix.storage == PrefixStorage::none) {
    return {};
  }
  const std::string_view tier = prefix.storage == PrefixStorage::cpu ? "CPU" : "CXL";
  return summary_line(fmt::format("{} prefix hit prompt tokens:", tier), prefix.lower_hit) +
         summary_line(fmt::format("{} prefix hit ratio (%):", tier),
                      percent_text(prefix.lower_hit, prefix.requested));
}

std::string prefix_section(const PrefixTotals& prefix, const Painter& painter) {
  if (!prefix.any_caching) {
    return {};
  }
  std::string text = painter.titled_rule("Prefix Caching Results");
  text += summary_line("Total requested prompt tokens:", prefix.requested);
  text += summary_line("NPU prefix hit prompt tokens:", prefix.npu_hit);
  if (prefix.requested > 0) {
    text +=
        summary_line("NPU prefix hit ratio (%):", percent_text(prefix.npu_hit, prefix.requested));
    text += lower_tier_lines(prefix);
    text += summary_line("Total prefix hit ratio (%):",
                         percent_text(prefix.npu_hit + prefix.lower_hit, prefix.requested));
  } else {
    text += "NPU prefix hit ratio (%): N/A (no requests tracked)\n";
  }
  return text + painter.rule();
}

/// Of clusters whose instances come and go.
std::string fleet_section(const RunResult& result, const Painter& painter) {
  if (!result.fleet) {
    return {};
  }
  const FleetUse& fleet = *result.fleet;
  std::string text = painter.titled_rule("Fleet Results");
  if (fleet.scales) {
    text += summary_line("Instance-seconds:", fmt::format("{:.3f}", fleet.instance_seconds));
    text += summary_line("Instances started:", fleet.starts);
    text += summary_line("Most instances on at once:", fleet.most_on);
  } else {
    text += summary_line("Failures of instances:", fleet.failures);
    text += summary_line("Requests moved to other instances:", fleet.moved_requests);
  }
  return text + painter.rule();
}

std::string kernel_time_section(const RunResult& result, const Painter& painter) {
  std::string text = painter.titled_rule("Kernel Times");
  text += summary_line("Exact look-ups:", result.lookups.of(TimeSource::exact));
  text += summary_line("Interpolated look-ups:", result.lookups.of(TimeSource::interpolated));
  text += summary_line("Extrapolated look-ups:", result.lookups.of(TimeSource::extrapolated));
  text += summary_line("Analytic look-ups:", result.lookups.of(TimeSource::analytic));
  for (const std::string& source : result.kernel_time_sources) {
    text += fmt::format("Source: {}\n", source);
  }
  return text + painter.rule();
}

}  // namespace

std::string summary(const RunResult& result, const SummarySettings& settings,
                    const Painter& painter) {
  std::string text = painter.rule();
  text += painter.stage("Simulation results...");
  text += fmt::format("\nTotal simulation time: {}\n", duration_text(settings.wall_seconds));
  text += throughput_section(result, settings.log_interval, painter);
  text += prefix_section(result.prefix, painter);
  text += fleet_section(result, painter);
  text += energy_section(result, settings.log_interval, painter);
  for (std::size_t i = 0; i < result.done.size(); ++i) {
    text += settings.latencies != nullptr ? latency_section(i, (*settings.latencies)[i], painter)
                                          : latency_section(i, result.done[i], painter);
  }
  return text + kernel_time_section(result, painter);
}

}  // namespace lockstep
