#include "validation/series_comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <system_error>

#include "perf/csv_file.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kMostBuckets = 10'000'000;

double seconds(Nanos time) {
  return static_cast<double>(time.count()) / 1e9;
}

/// Bucket 0 ends at `tick`.
class Buckets {
public:
  Buckets(double tick, double end)
      : tick_(tick), points_(std::min(kMostBuckets, static_cast<std::size_t>(end / tick) + 1)) {
    for (std::size_t i = 0; i < points_.size(); ++i) {
      points_[i].t = tick * static_cast<double>(i + 1);
    }
  }

  SeriesPoint& at(Nanos time) {
    const double bucket = std::max(0.0, std::ceil(seconds(time) / tick_) - 1.0);
    return points_[std::min(points_.size() - 1, static_cast<std::size_t>(bucket))];
  }
  /// One more in every bucket that ends in [from, to).
  void count(Nanos from, Nanos to, double SeriesPoint::*member) {
    for (auto i = static_cast<std::size_t>(std::max(0.0, std::ceil(seconds(from) / tick_) - 1.0));
         i < points_.size() && points_[i].t < seconds(to); ++i) {
      points_[i].*member += points_[i].t >= seconds(from) ? 1.0 : 0.0;
    }
  }
  std::vector<SeriesPoint> take() {
    for (SeriesPoint& point : points_) {
      point.prompt /= tick_;
      point.generated /= tick_;
    }
    return std::move(points_);
  }

private:
  double tick_;
  std::vector<SeriesPoint> points_;
};

SeriesFigure figure(const SeriesComparison& all, const char* name, const char* unit,
                    double SeriesPoint::*member) {
  SeriesFigure out{name, unit};
  const auto count = static_cast<double>(std::max<std::size_t>(all.buckets, 1));
  for (std::size_t i = 0; i < all.buckets; ++i) {
    const double real = all.recorded[i].*member;
    const double made = all.simulated[i].*member;
    out.recorded_mean += real / count;
    out.simulated_mean += made / count;
    out.mean_apart += std::abs(made - real) / count;
    out.recorded_peak = std::max(out.recorded_peak, real);
    out.simulated_peak = std::max(out.simulated_peak, made);
  }
  return out;
}

}  // namespace

std::optional<std::vector<SeriesPoint>> read_time_series(const RecordedRun& run) {
  const std::filesystem::path file = run.dir / "vllm" / "timeseries.csv";
  std::error_code failed;
  if (!std::filesystem::exists(file, failed)) {
    return std::nullopt;
  }
  CsvFile csv(file);
  const std::array columns{csv.column("t"), csv.column("prompt_throughput"),
                           csv.column("gen_throughput"), csv.column("running"),
                           csv.column("waiting")};
  std::vector<SeriesPoint> points;
  while (csv.next_row()) {
    points.push_back({csv.number(columns[0]), csv.number(columns[1]), csv.number(columns[2]),
                      csv.number(columns[3]), csv.number(columns[4])});
    if (points.size() > 1 && points.back().t <= points[points.size() - 2].t) {
      csv.refuse("the times do not ascend", "record the run again");
    }
  }
  return points;
}

std::vector<SeriesPoint> simulated_series(std::span<const SimulatedRequest> requests, double tick) {
  double end = 0;
  for (const SimulatedRequest& request : requests) {
    end = std::max(end, seconds(request.end_time));
  }
  Buckets buckets(tick, end);
  for (const SimulatedRequest& request : requests) {
    Nanos token = request.arrival + request.ttft;
    SeriesPoint& first = buckets.at(token);
    first.prompt += static_cast<double>(request.input);
    first.generated += 1.0;
    for (const Nanos gap : request.itl) {
      token += gap;
      buckets.at(token).generated += 1.0;
    }
    const Nanos scheduled = request.arrival + request.queuing_delay;
    buckets.count(request.arrival, scheduled, &SeriesPoint::waiting);
    buckets.count(scheduled, request.end_time, &SeriesPoint::running);
  }
  return buckets.take();
}

SeriesComparison compare_series(std::span<const SeriesPoint> recorded,
                                std::span<const SeriesPoint> simulated, double tick) {
  SeriesComparison out;
  auto made = simulated.begin();
  for (const SeriesPoint& point : recorded) {  // buckets without a step have no row there
    while (made != simulated.end() && made->t < point.t - tick / 2) {
      ++made;
    }
    if (made == simulated.end()) {
      break;
    }
    if (made->t < point.t + tick / 2) {
      out.recorded.push_back(point);
      out.simulated.push_back(*made);
    }
  }
  out.buckets = out.recorded.size();
  out.figures = {figure(out, "Prompt tokens", "1/s", &SeriesPoint::prompt),
                 figure(out, "Generated tokens", "1/s", &SeriesPoint::generated),
                 figure(out, "Running requests", "", &SeriesPoint::running),
                 figure(out, "Waiting requests", "", &SeriesPoint::waiting)};
  return out;
}

std::string series_table(const SeriesComparison& comparison) {
  std::string text =
      fmt::format("{:<36}{:>11}{:>11}{:>13}{:>11}{:>11}{:>11}\n",
                  fmt::format("Over time, {} buckets", comparison.buckets), "rec. mean",
                  "sim. mean", "mean apart", "apart %", "rec. peak", "sim. peak");
  for (const SeriesFigure& line : comparison.figures) {
    const std::string name =
        line.unit.empty() ? line.name : fmt::format("{}, {}", line.name, line.unit);
    text += fmt::format("{:<36}{:>11.2f}{:>11.2f}{:>13.2f}{:>11}{:>11.1f}{:>11.1f}\n", name,
                        line.recorded_mean, line.simulated_mean, line.mean_apart,
                        line.recorded_mean > 0
                            ? fmt::format("{:.1f}", 100.0 * line.mean_apart / line.recorded_mean)
                            : "-",
                        line.recorded_peak, line.simulated_peak);
  }
  return text;
}

}  // namespace lockstep
