#include "report/latency_section.hpp"

#include <fmt/format.h>

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

std::string milliseconds(double ns) {
  return fmt::format("{:.2f}", ns / 1e6);
}

std::string block(const Measure& measure, std::vector<Nanos> values, const Painter& painter) {
  std::string text = painter.titled_rule(measure.title);
  if (values.empty()) {
    const std::string_view first_word = measure.title.substr(0, measure.title.find(' '));
    return text + fmt::format("No {} data available\n", first_word);
  }
  const LatencyStatistics statistics = latency_statistics(std::move(values));
  const auto line = [&measure](std::string_view kind, double ns) {
    return summary_line(fmt::format("{} {}", kind, measure.label), milliseconds(ns));
  };
  text += line("Mean", statistics.mean);
  text += line("Median", statistics.median);
  text += line("P99", statistics.p99);
  return text;
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
  std::string text = painter.titled_rule(fmt::format("Instance [{}]", instance));
  text += block({"Time to First Token", "TTFT (ms):"}, std::move(ttft), painter);
  text +=
      block({"Time per Output Token (excl. 1st token)", "TPOT (ms):"}, std::move(tpot), painter);
  text += block({"Inter-token Latency", "ITL (ms) :"}, std::move(itl), painter);
  return text + painter.rule();
}

}  // namespace lockstep
