#include "closed_loop/latency_summary.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

namespace lockstep {
namespace {

double percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at));
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + (at - std::floor(at)) * (sorted[high] - sorted[low]);
}

std::string line(std::string_view name, const std::string& value) {
  return fmt::format("{:<40} {:<10}\n", name, value);
}

std::string statistic_text(std::string_view title, std::string_view name, const Statistic& s) {
  std::string text = fmt::format("{:-^50}\n", title);
  const auto add = [&](std::string_view kind, double value) {
    text += line(fmt::format("{} {} (ms):", kind, name), fmt::format("{:.2f}", value));
  };
  add("Mean", s.mean);
  add("Median", s.median);
  add("P90", s.p90);
  add("P99", s.p99);
  return text;
}

}  // namespace

Statistic statistic_of(std::vector<double> values) {
  if (values.empty()) {
    return {};
  }
  std::sort(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  return {sum / static_cast<double>(values.size()), percentile(values, 0.5),
          percentile(values, 0.9), percentile(values, 0.99)};
}

LatencySummary summarise(const ClosedLoopResult& result) {
  LatencySummary summary;
  std::vector<double> ttft;
  std::vector<double> tpot;
  std::vector<double> whole;
  for (const RequestTimes& request : result.requests) {
    ttft.push_back(request.ttft);
    if (request.output > 1) {
      tpot.push_back(request.tpot);
    }
    whole.push_back(request.end - request.sent);
    summary.input_tokens += request.input;
    summary.output_tokens += request.output;
  }
  summary.ttft = statistic_of(std::move(ttft));
  summary.tpot = statistic_of(std::move(tpot));
  summary.end_to_end = statistic_of(std::move(whole));
  summary.duration_s = result.duration / 1e3;
  summary.requests = static_cast<std::int64_t>(result.requests.size());
  return summary;
}

std::string summary_text(const LatencySummary& s) {
  const auto rate = [&](std::int64_t count) {
    return fmt::format("{:.2f}", s.duration_s > 0 ? static_cast<double>(count) / s.duration_s : 0);
  };
  std::string text = fmt::format("{:=^50}\n", " Serving Benchmark Result ");
  text += line("Successful requests:", fmt::format("{}", s.requests));
  text += line("Benchmark duration (s):", fmt::format("{:.2f}", s.duration_s));
  text += line("Total input tokens:", fmt::format("{}", s.input_tokens));
  text += line("Total generated tokens:", fmt::format("{}", s.output_tokens));
  text += line("Request throughput (req/s):", rate(s.requests));
  text += line("Output token throughput (tok/s):", rate(s.output_tokens));
  text += line("Total Token throughput (tok/s):", rate(s.input_tokens + s.output_tokens));
  text += statistic_text("Time to First Token", "TTFT", s.ttft);
  text += statistic_text("Time per Output Token (excl. 1st token)", "TPOT", s.tpot);
  text += statistic_text("End-to-end Latency", "E2EL", s.end_to_end);
  text += fmt::format("{:=^50}\n", "");
  return text;
}

}  // namespace lockstep
