#include "validation/comparison_report.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

namespace lockstep {
namespace {

constexpr std::array<std::string_view, MetricFigures::kFigures> kNames = {"mean", "p50", "p90",
                                                                          "p95", "p99"};

std::array<double, MetricFigures::kFigures> errors_of(const Metric& metric) {
  std::array<double, MetricFigures::kFigures> errors{};
  for (std::size_t i = 0; i < errors.size(); ++i) {
    errors[i] = error_percent(metric.recorded.figures[i], metric.simulated.figures[i]);
  }
  return errors;
}

/// A dash for what is not known.
std::string number(double value, const char* form) {
  return std::isnan(value) ? "-" : fmt::format(fmt::runtime(form), value);
}

void add_line(std::string& text, std::string_view name, std::string_view side,
              const std::array<double, MetricFigures::kFigures>& values, double scale,
              const char* form) {
  text += fmt::format("{:<26}{:<10}", name, side);
  for (const double value : values) {
    text += fmt::format("{:>11}", number(value * scale, form));
  }
}

void add_metric(std::string& text, const Metric& metric) {
  constexpr double kMs = 1e-6;
  add_line(text, metric.name, "recorded", metric.recorded.figures, kMs, "{:.2f}");
  text += '\n';
  add_line(text, "", "simulated", metric.simulated.figures, kMs, "{:.2f}");
  text += '\n';
  add_line(text, "", "error %", errors_of(metric), 1.0, "{:+.2f}");
  text += fmt::format("{:>13}\n", number(metric.per_request, "{:.2f}"));
}

nlohmann::ordered_json number_or_null(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

nlohmann::ordered_json by_name(const std::array<double, MetricFigures::kFigures>& values,
                               double scale) {
  nlohmann::ordered_json json;
  for (std::size_t i = 0; i < values.size(); ++i) {
    json[std::string(kNames[i])] = number_or_null(values[i] * scale);
  }
  return json;
}

nlohmann::ordered_json json_of(const PairedErrors& paired) {
  return {{"bias_percent", number_or_null(paired.bias)},
          {"median_percent", number_or_null(paired.median)},
          {"p90_percent", number_or_null(paired.p90)},
          {"mean_absolute_ms", number_or_null(paired.absolute * 1e-6)}};
}

nlohmann::ordered_json json_of(const Metric& metric) {
  return {{"recorded_ms", by_name(metric.recorded.figures, 1e-6)},
          {"simulated_ms", by_name(metric.simulated.figures, 1e-6)},
          {"error_percent", by_name(errors_of(metric), 1.0)},
          {"per_request_error_percent", number_or_null(metric.per_request)},
          {"paired_errors", json_of(metric.paired)},
          {"recorded_samples", metric.recorded.samples},
          {"simulated_samples", metric.simulated.samples}};
}

nlohmann::ordered_json json_of(const Figure& figure) {
  return {{"unit", figure.unit},
          {"recorded", number_or_null(figure.recorded)},
          {"simulated", number_or_null(figure.simulated)},
          {"error_percent", number_or_null(error_percent(figure.recorded, figure.simulated))}};
}

nlohmann::ordered_json json_of(const StepComparison& steps) {
  nlohmann::ordered_json segments = nlohmann::ordered_json::array();
  for (const ComparedSegment& segment : steps.segments) {
    segments.push_back({{"running", number_or_null(segment.running)},
                        {"steps", segment.steps},
                        {"begin_s", segment.begin_s},
                        {"recorded_ms", number_or_null(segment.recorded_ms)},
                        {"simulated_ms", number_or_null(segment.simulated_ms)}});
  }
  return {{"groups", steps.groups},
          {"dropped_groups", steps.dropped},
          {"contradictions", steps.contradictions},
          {"segments", std::move(segments)}};
}

nlohmann::ordered_json columns_of(const std::vector<SeriesPoint>& points) {
  nlohmann::ordered_json out{{"prompt_tokens_per_s", nlohmann::ordered_json::array()},
                             {"generated_tokens_per_s", nlohmann::ordered_json::array()},
                             {"running", nlohmann::ordered_json::array()},
                             {"waiting", nlohmann::ordered_json::array()}};
  for (const SeriesPoint& point : points) {
    out["prompt_tokens_per_s"].push_back(point.prompt);
    out["generated_tokens_per_s"].push_back(point.generated);
    out["running"].push_back(point.running);
    out["waiting"].push_back(point.waiting);
  }
  return out;
}

nlohmann::ordered_json json_of(const SeriesComparison& series) {
  nlohmann::ordered_json times = nlohmann::ordered_json::array();
  for (const SeriesPoint& point : series.recorded) {
    times.push_back(point.t);
  }
  return {{"t_s", std::move(times)},
          {"recorded", columns_of(series.recorded)},
          {"simulated", columns_of(series.simulated)}};
}

}  // namespace

std::string comparison_table(const Comparison& comparison) {
  std::string text = fmt::format("{:<36}", "Times in ms");
  for (const std::string_view name : kNames) {
    text += fmt::format("{:>11}", name);
  }
  text += fmt::format("{:>13}\n", "per request");
  for (const Metric* metric : comparison.metrics()) {
    add_metric(text, *metric);
  }
  text += fmt::format("\n{:<36}{:>11}{:>11}{:>11}{:>11}{:>15}\n", "Errors of single requests",
                      "mean %", "median %", "p90 %", "bias %", "mean abs., ms");
  for (const Metric* metric : comparison.metrics()) {
    const PairedErrors& paired = metric->paired;
    text += fmt::format("{:<36}{:>11}{:>11}{:>11}{:>11}{:>15}\n", metric->name,
                        number(metric->per_request, "{:.2f}"), number(paired.median, "{:.2f}"),
                        number(paired.p90, "{:.2f}"), number(paired.bias, "{:+.2f}"),
                        number(paired.absolute * 1e-6, "{:.2f}"));
  }
  text +=
      fmt::format("\n{:<36}{:>11}{:>11}{:>11}\n", "Whole run", "recorded", "simulated", "error %");
  for (const Figure* figure : comparison.figures()) {
    text +=
        fmt::format("{:<36}{:>11}{:>11}{:>11}\n", fmt::format("{}, {}", figure->name, figure->unit),
                    number(figure->recorded, "{:.3f}"), number(figure->simulated, "{:.3f}"),
                    number(error_percent(figure->recorded, figure->simulated), "{:+.2f}"));
  }
  return text;
}

std::string comparison_json(const Comparison& comparison, const StepComparison& steps,
                            const std::optional<SeriesComparison>& series) {
  nlohmann::ordered_json json;
  json["recorded_requests"] = comparison.recorded_requests;
  json["simulated_requests"] = comparison.simulated_requests;
  for (const Metric* metric : comparison.metrics()) {
    json["metrics"][metric->name] = json_of(*metric);
  }
  for (const Figure* figure : comparison.figures()) {
    json["figures"][figure->name] = json_of(*figure);
  }
  json["steps"] = json_of(steps);
  json["over_time"] = series ? json_of(*series) : nlohmann::ordered_json(nullptr);
  return json.dump(2) + "\n";
}

std::vector<std::string> errors_above(const Comparison& comparison, double percent) {
  std::vector<std::string> found;
  const auto check = [&](const std::string& name, double error) {
    if (std::abs(error) > percent) {
      found.push_back(fmt::format("{}: {:+.2f} %", name, error));
    }
  };
  for (const Metric* metric : {&comparison.ttft, &comparison.tpot, &comparison.latency}) {
    const auto errors = errors_of(*metric);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      check(fmt::format("{} {}", metric->name, kNames[i]), errors[i]);
    }
  }
  for (const Figure* figure : {&comparison.makespan, &comparison.generation_rate}) {
    check(figure->name, error_percent(figure->recorded, figure->simulated));
  }
  return found;
}

}  // namespace lockstep
