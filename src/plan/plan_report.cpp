#include "plan/plan_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "sweep/result_csv.hpp"

namespace lockstep {
namespace {

using Fate = PlanRow::Fate;

constexpr std::array<std::string_view, 5> kFates = {"impossible", "too large", "too slow", "fails",
                                                    "holds"};

std::string_view fate_name(Fate fate) {
  return kFates[static_cast<std::size_t>(fate)];
}

/// Of one million generated tokens.
double token_cost(const PlanRow& row) {
  constexpr double kHour = 3600;
  return row.cost / (row.evaluation.generated_tps * kHour) * 1e6;
}

std::string load_text(const PlanRow& row) {
  constexpr double kMost = 64;
  if (!row.rate_factor) {
    return "";
  }
  return fmt::format("{}{:.2f}", *row.rate_factor >= kMost ? ">=" : "", *row.rate_factor);
}

}  // namespace

std::string plan_table(const PlanSpec& spec, const PlanResult& result, std::size_t most) {
  std::string text = fmt::format("  {:<44}{:>6}{:>10}{:>12}{:>14}{:>12}{:>10}\n", "cluster", "GPUs",
                                 "cost/h", "cost/Mtok", "p99 lat. ms", "limit used", "max load");
  const std::size_t shown = std::min(most, static_cast<std::size_t>(result.holding));
  for (std::size_t i = 0; i < shown; ++i) {
    const PlanRow& row = result.rows[i];
    text += fmt::format("{} {:<44}{:>6}{:>10.2f}{:>12.3f}{:>14.1f}{:>10.0f} %{:>10}\n",
                        row.front ? '*' : ' ', row.candidate.text(spec), row.candidate.gpus(),
                        row.cost, token_cost(row), row.evaluation.latency_p99_ms,
                        100 * row.evaluation.worst, load_text(row));
  }
  text += fmt::format("{} shapes:", result.rows.size());
  for (std::size_t fate = kFates.size(); fate-- > 0;) {
    const auto count = std::count_if(result.rows.begin(), result.rows.end(), [&](const auto& row) {
      return static_cast<std::size_t>(row.fate) == fate;
    });
    text += count > 0 ? fmt::format(" {} {},", count, kFates[fate]) : "";
  }
  text.back() = ';';
  return text +
         fmt::format(" {} simulations. * no other is better in cost, latency and load.\n{}\n",
                     result.simulations, result.verdict);
}

std::string plan_csv(const PlanSpec& spec, const PlanResult& result) {
  std::string csv = "cluster,fate,gpus,cost_per_hour,";
  for (const PlanLimit& limit : spec.limits) {
    csv += fmt::format("{}_bound,", limit.figure);
  }
  csv += "limit_used,latency_p99_ms,generated_tps,cost_per_million_tokens,max_load,front,problem\n";
  for (const PlanRow& row : result.rows) {
    const Evaluation& evaluation = row.evaluation;
    const bool simulated = !evaluation.bounds.empty();
    auto out = std::back_inserter(csv);
    fmt::format_to(out, "{},{},{},{},", csv_field(row.candidate.text(spec)), fate_name(row.fate),
                   row.candidate.gpus(), row.cost);
    for (std::size_t i = 0; i < spec.limits.size(); ++i) {
      csv += simulated ? fmt::format("{},", evaluation.bounds[i]) : ",";
    }
    csv += simulated ? fmt::format("{},{},{},{},", evaluation.worst, evaluation.latency_p99_ms,
                                   evaluation.generated_tps, token_cost(row))
                     : ",,,,";
    fmt::format_to(out, "{},{},{}\n", row.rate_factor ? fmt::format("{}", *row.rate_factor) : "",
                   row.front ? "1" : "", csv_field(evaluation.problem));
  }
  return csv;
}

}  // namespace lockstep
