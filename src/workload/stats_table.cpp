#include <fmt/format.h>

#include <iterator>

#include "workload/workload_stats.hpp"

namespace lockstep {
namespace {

constexpr double kNsPerMs = 1e6;

class Table {
public:
  void fact(std::string_view name, const std::string& value) {
    fmt::format_to(std::back_inserter(text_), "{:<22}{}\n", name, value);
  }
  void header() {
    fmt::format_to(std::back_inserter(text_), "\n{:<22}", "");
    for (const double share : Spread::kShares) {
      fmt::format_to(std::back_inserter(text_), "{:>11}",
                     share == 0.0   ? "min"
                     : share == 1.0 ? "max"
                                    : fmt::format("{:g} %", share * 100.0));
    }
    fmt::format_to(std::back_inserter(text_), "{:>11}\n", "mean");
  }
  void row(std::string_view name, const Spread& values, double unit) {
    fmt::format_to(std::back_inserter(text_), "{:<22}", name);
    for (const double quantile : values.quantiles) {
      fmt::format_to(std::back_inserter(text_), "{:>11.1f}", quantile / unit);
    }
    fmt::format_to(std::back_inserter(text_), "{:>11.1f}\n", values.mean / unit);
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

private:
  std::string text_;
};

std::string reuse_text(const PrefixReuse& reuse) {
  if (reuse.calls_with_ids == 0) {
    return "none: no token ids, no prefix ids";
  }
  const double share = reuse.prompt_tokens == 0 ? 0.0
                                                : 100.0 * static_cast<double>(reuse.reused_tokens) /
                                                      static_cast<double>(reuse.prompt_tokens);
  return fmt::format("{} of {} prompt tokens ({:.2f} %) in {} calls, blocks of {}",
                     reuse.reused_tokens, reuse.prompt_tokens, share, reuse.reusing_calls,
                     reuse.block_size);
}

}  // namespace

std::string stats_table(const WorkloadStats& stats) {
  Table table;
  table.fact("lines", fmt::format("{} ({} flat, {} sessions)", stats.lines,
                                  stats.lines - stats.sessions, stats.sessions));
  table.fact("calls", fmt::format("{}", stats.calls));
  table.fact("prompt tokens", fmt::format("{}", stats.input_tokens));
  table.fact("output tokens", fmt::format("{}", stats.output_tokens));
  const double first = static_cast<double>(stats.first_arrival.count()) / 1e9;
  const double last = static_cast<double>(stats.last_arrival.count()) / 1e9;
  table.fact("arrivals", fmt::format("{:.3f} s to {:.3f} s", first, last));
  if (stats.gap.mean > 0.0) {
    table.fact("arrival rate", fmt::format("{:.3f} lines/s", 1e9 / stats.gap.mean));
  }
  table.fact("ideal prefix reuse", reuse_text(stats.reuse));
  table.header();
  table.row("prompt tokens", stats.input, 1.0);
  table.row("output tokens", stats.output, 1.0);
  table.row("gap between lines, ms", stats.gap, kNsPerMs);
  if (stats.sessions > 0) {
    table.row("calls per session", stats.calls_per_session, 1.0);
    table.row("tool duration, ms", stats.tool_duration, kNsPerMs);
  }
  return table.take();
}

}  // namespace lockstep
