#include "explain/explanation_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kSlowest = 5;

double millis(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

Nanos time_of(const Parts& parts, const Part& part) {
  const auto found = parts.find(part);
  return found == parts.end() ? Nanos{0} : found->second;
}

double percent(Nanos part, Nanos whole) {
  return whole == Nanos{0}
             ? 0.0
             : 100.0 * static_cast<double>(part.count()) / static_cast<double>(whole.count());
}

/// Causes from the largest down; equal ones in their own order.
std::vector<std::pair<Part, Nanos>> by_size(const Parts& parts) {
  std::vector<std::pair<Part, Nanos>> sorted(parts.begin(), parts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return sorted;
}

std::string row(const std::string& name, Nanos first, Nanos later, const Explanation& all) {
  const Nanos decode = all.latency.total() - all.ttft.total();
  const double tokens = std::max(static_cast<double>(all.tokens.size()), 1.0);
  return fmt::format("{:<45}{:>13.6f}{:>7.1f}{:>13.6f}{:>11.6f}{:>7.1f}{:>15.6f}{:>7.1f}\n", name,
                     millis(first), percent(first, all.ttft.total()), millis(later),
                     millis(later) / tokens, percent(later, decode), millis(first + later),
                     percent(first + later, all.latency.total()));
}

std::string heading(const Explanation& all) {
  return fmt::format(
      "Request {}: {} prompt tokens, {} generated, on instance {}; arrived at {:.9f} s, {} "
      "steps{}\n",
      all.request, all.input, all.output, fmt::join(all.instances, ", then "),
      static_cast<double>(all.latency.begin.count()) / 1e9, all.steps.size(),
      all.preemptions == 0 ? "" : fmt::format(", preempted {} times", all.preemptions));
}

std::string token_line(const Explanation& all, std::size_t index) {
  constexpr std::size_t kShown = 4;
  const ExplainedTime& token = all.tokens[index];
  std::string text = fmt::format("{:>7}{:>14.6f} ", index + 2, millis(token.total()));
  std::size_t shown = 0;
  for (const auto& [part, time] : by_size(token.parts)) {
    if (shown++ == kShown) {
      text += ", ...";
      break;
    }
    text += fmt::format("{} {} {:.6f}", shown == 1 ? "" : ",", part_name(part), millis(time));
  }
  return text + "\n";
}

std::vector<std::size_t> tokens_to_show(const Explanation& all, bool every) {
  std::vector<std::size_t> order(all.tokens.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = i;
  }
  if (!every) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return all.tokens[a].total() > all.tokens[b].total();
    });
    order.resize(std::min(order.size(), kSlowest));
  }
  return order;
}

Json time_json(const ExplainedTime& time) {
  Json parts = Json::object();
  for (const auto& [part, part_time] : time.parts) {
    parts[part_key(part)] = part_time.count();
  }
  return {{"total_ns", time.total().count()}, {"parts_ns", std::move(parts)}};
}

Json step_json(const WatchedStep& step) {
  return {{"instance", step.instance},
          {"batch", step.batch},
          {"formed_ns", step.formed.count()},
          {"launch_ns", step.launch.count()},
          {"end_ns", step.end.count()},
          {"requests", step.requests},
          {"tokens", step.tokens},
          {"own_tokens", step.own_tokens},
          {"padding", step.padding},
          {"recomputes", step.recomputes}};
}

}  // namespace

std::string explanation_text(const Explanation& all, bool all_tokens) {
  std::string text = heading(all);
  text += fmt::format("\n{:<45}{:>20}{:>31}{:>22}\n", "", "TTFT", "later tokens", "latency");
  text += fmt::format("{:<45}{:>13}{:>7}{:>13}{:>11}{:>7}{:>15}{:>7}\n", "", "ms", "%", "ms",
                      "ms/token", "%", "ms", "%");
  for (const auto& [part, time] : by_size(all.latency.parts)) {
    const Nanos first = time_of(all.ttft.parts, part);
    text += row(part_name(part), first, time - first, all);
  }
  text += row("total", all.ttft.total(), all.latency.total() - all.ttft.total(), all);
  const auto shown = tokens_to_show(all, all_tokens);
  if (!shown.empty()) {
    text += fmt::format("\n{}\n  token            ms  causes, ms\n",
                        all_tokens ? "Every token after the first" : "The slowest tokens");
  }
  for (const std::size_t index : shown) {
    text += token_line(all, index);
  }
  return text;
}

std::string explanation_json(const Explanation& all) {
  Json out{{"format", "lockstep-explanation"},
           {"version", 1},
           {"request", all.request},
           {"input_tokens", all.input},
           {"output_tokens", all.output},
           {"preemptions", all.preemptions},
           {"instances", all.instances},
           {"arrival_ns", all.latency.begin.count()},
           {"end_ns", all.latency.end.count()},
           {"latency", time_json(all.latency)},
           {"ttft", time_json(all.ttft)}};
  out["tokens"] = Json::array();
  for (const ExplainedTime& token : all.tokens) {
    out["tokens"].push_back(time_json(token));
  }
  out["steps"] = Json::array();
  for (const WatchedStep& step : all.steps) {
    out["steps"].push_back(step_json(step));
  }
  return out.dump() + "\n";
}

}  // namespace lockstep
