#include "report/latency_section.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "report/statistics.hpp"
#include "report/summary_line.hpp"

namespace lockstep {
namespace {

/// How one measure is titled and labelled. "ITL (ms) :" has a blank before its colon.
struct Measure {
  std::string_view title;
  std::string_view label;
};

std::string milliseconds_text(double ns) {
  return fmt::format("{:.2f}", ns / 1e6);
}

using Statistics = std::optional<LatencyStatistics>;

std::string block(const Measure& measure, const Statistics& statistics, const Painter& painter) {
  std::string text = painter.titled_rule(measure.title);
  if (!statistics) {
    const std::string_view first_word = measure.title.substr(0, measure.title.find(' '));
    return text + fmt::format("No {} data available\n", first_word);
  }
  const auto line = [&measure](std::string_view kind, double ns) {
    return summary_line(fmt::format("{} {}", kind, measure.label), milliseconds_text(ns));
  };
  text += line("Mean", statistics->mean);
  text += line("Median", statistics->median);
  text += line("P99", statistics->p99);
  return text;
}

Statistics of_values(std::vector<Nanos> values) {
  return values.empty() ? std::nullopt : std::optional(latency_statistics(std::move(values)));
}

Statistics of_tally(ValueTally& tally) {
  return tally.count() == 0 ? std::nullopt : std::optional(tally.statistics());
}

std::string section(std::size_t instance, const Statistics& ttft, const Statistics& tpot,
                    const Statistics& itl, const Painter& painter) {
  std::string text = painter.titled_rule(fmt::format("Instance [{}]", instance));
  text += block({"Time to First Token", "TTFT (ms):"}, ttft, painter);
  text += block({"Time per Output Token (excl. 1st token)", "TPOT (ms):"}, tpot, painter);
  text += block({"Inter-token Latency", "ITL (ms) :"}, itl, painter);
  return text + painter.rule();
}

}  // namespace

std::string latency_section(std::size_t instance, const std::vector<const Request*>& done,
                            const Painter& painter) {
  std::vector<Nanos> ttft;
  std::vector<Nanos> tpot;
  std::vector<Nanos> itl;
  for (const Request* request : done) {
    ttft.push_back(request->ttft);
    tpot.push_back(request->tpot);
    itl.insert(itl.end(), request->itl.begin(), request->itl.end());
  }
  return section(instance, of_values(std::move(ttft)), of_values(std::move(tpot)),
                 of_values(std::move(itl)), painter);
}

std::string latency_section(std::size_t instance, InstanceLatencies& latencies,
                            const Painter& painter) {
  return section(instance, of_tally(latencies.ttft), of_tally(latencies.tpot),
                 of_tally(latencies.itl), painter);
}

}  // namespace lockstep
