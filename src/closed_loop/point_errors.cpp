#include "closed_loop/point_errors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "closed_loop/latency_summary.hpp"

namespace lockstep {
namespace {

struct Pairs {
  std::vector<double> simulated_ttft, measured_ttft, simulated_tpot, measured_tpot;

  void add(const PointResult& result, bool at_found_limit = false) {
    const bool found = at_found_limit && result.found_limit > 0;
    simulated_ttft.push_back(found ? result.found_ttft_ms : result.ttft_ms);
    measured_ttft.push_back(result.point.ttft_ms);
    simulated_tpot.push_back(found ? result.found_tpot_ms : result.tpot_ms);
    measured_tpot.push_back(result.point.tpot_ms);
  }
};

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) {
      ++end;
    }
    const double rank = (static_cast<double>(i) + static_cast<double>(end - 1)) / 2;
    for (; i < end; ++i) {
      result[order[i]] = rank;
    }
  }
  return result;
}

std::string row(const std::string& name, const Pairs& pairs, bool with_rank) {
  const ErrorFigures ttft = error_figures(pairs.simulated_ttft, pairs.measured_ttft);
  const ErrorFigures tpot = error_figures(pairs.simulated_tpot, pairs.measured_tpot);
  std::string text =
      fmt::format("{:<46}{:>5} |{:>8.1f}{:>7.1f}{:>7.1f}{:>7.1f} |{:>8.1f}{:>7.1f}{:>7.1f}{:>7.1f}",
                  name, ttft.count, ttft.bias, ttft.mean, ttft.median, ttft.p90, tpot.bias,
                  tpot.mean, tpot.median, tpot.p90);
  if (with_rank) {
    text += fmt::format(" |{:>7.3f}", rank_correlation(pairs.simulated_tpot, pairs.measured_tpot));
  }
  return text + "\n";
}

using KeyOf = std::function<std::string(const MeasuredPoint&)>;

std::string table(const std::string& title, const std::vector<PointResult>& results,
                  const KeyOf& key, bool with_rank = false) {
  std::map<std::string, Pairs> groups;
  for (const PointResult& result : results) {
    if (result.failure.empty()) {
      groups[key(result.point)].add(result);
    }
  }
  std::string text = fmt::format("\n{:<46}{:>5} |{:>8}{:>7}{:>7}{:>7} |{:>8}{:>7}{:>7}{:>7}{}\n",
                                 title, "n", "TTFT", "MAPE", "med", "p90", "TPOT", "MAPE", "med",
                                 "p90", with_rank ? " |   rank" : "");
  for (const auto& [name, pairs] : groups) {
    text += row(name, pairs, with_rank);
  }
  return text;
}

/// Points whose listed load contradicts their figures, at the limit that their TTFT shows.
std::string found_limits(const std::vector<PointResult>& results) {
  std::map<std::string, Pairs> sources;
  std::string lines;
  for (const PointResult& r : results) {
    if (r.failure.empty()) {
      sources[r.point.source].add(r, true);
      sources["all"].add(r, true);
      if (r.point.varied_lengths()) {
        sources["InferenceX, all"].add(r, true);
      }
    }
    if (r.found_limit > 0) {
      lines += fmt::format("  {}: {} sequences; TTFT {:.0f} ms ({:.0f}), TPOT {:.2f} ms ({:.2f})\n",
                           r.point.id, r.found_limit, r.point.ttft_ms, r.found_ttft_ms,
                           r.point.tpot_ms, r.found_tpot_ms);
    }
  }
  if (lines.empty()) {
    return {};
  }
  std::string text =
      "\nRequests waited for most of their time at a load that the server could hold: it held "
      "fewer\n"
      "sequences than listed. Measured, and simulated at the limit whose TTFT comes nearest:\n" +
      lines + "All points again, these at that limit:\n";
  for (const auto& [name, pairs] : sources) {
    text += row(name, pairs, false);
  }
  return text;
}

std::string coverage(const std::vector<PointResult>& results) {
  std::map<std::string, std::size_t> reasons;
  std::size_t done = 0;
  for (const PointResult& result : results) {
    if (result.failure.empty()) {
      ++done;
    } else {
      ++reasons[result.failure];
    }
  }
  std::string text = fmt::format(
      "\nCoverage: {} of {} points ({:.1f} %)\n", done, results.size(),
      results.empty() ? 0.0
                      : 100.0 * static_cast<double>(done) / static_cast<double>(results.size()));
  for (const auto& [reason, count] : reasons) {
    text += fmt::format("  {:>4}  {}\n", count, reason);
  }
  return text;
}

}  // namespace

ErrorFigures error_figures(const std::vector<double>& simulated,
                           const std::vector<double>& measured) {
  ErrorFigures figures;
  figures.count = simulated.size();
  if (simulated.empty()) {
    return figures;
  }
  std::vector<double> sizes;
  for (std::size_t i = 0; i < simulated.size(); ++i) {
    const double error = 100 * (simulated[i] / measured[i] - 1);
    figures.bias += error / static_cast<double>(simulated.size());
    sizes.push_back(std::abs(error));
  }
  const Statistic statistic = statistic_of(std::move(sizes));
  figures.mean = statistic.mean;
  figures.median = statistic.median;
  figures.p90 = statistic.p90;
  return figures;
}

double rank_correlation(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2) {
    return 1;
  }
  const std::vector<double> x = ranks(a);
  const std::vector<double> y = ranks(b);
  const double middle = static_cast<double>(a.size() - 1) / 2;
  double xy = 0;
  double xx = 0;
  double yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 1;
}

std::string point_report(const std::vector<PointResult>& results) {
  std::string text = "Errors in %: signed mean, mean size, median, 90th percentile.\n";
  text += table("all", results, [](const MeasuredPoint&) { return std::string("all"); });
  text += table("source", results, [](const MeasuredPoint& p) { return p.source; });
  text += table("model", results, [](const MeasuredPoint& p) { return p.model; });
  text += table("GPU", results, [](const MeasuredPoint& p) { return p.gpu; });
  text += table("precision", results, [](const MeasuredPoint& p) { return p.precision; });
  text += table("concurrency", results,
                [](const MeasuredPoint& p) { return fmt::format("{:>4}", p.concurrency); });
  text += table("prompt / output", results, [](const MeasuredPoint& p) {
    return fmt::format("{:>5} / {:>5}", p.input, p.output);
  });
  text += table(
      "model and GPU", results,
      [](const MeasuredPoint& p) {
        return fmt::format("{} {}", p.model.substr(p.model.find('/') + 1), p.gpu);
      },
      true);
  text += table(
      "cell", results,
      [](const MeasuredPoint& p) {
        return fmt::format("{} {} {} {}", p.model.substr(p.model.find('/') + 1), p.precision, p.gpu,
                           p.engine_version.substr(0, 7));
      },
      true);
  return text + found_limits(results) + coverage(results);
}

std::string point_csv(const std::vector<PointResult>& results) {
  std::string text =
      "id,model,precision,gpu,vllm,recipe,isl,osl,concurrency,tp,attention_dp,ep,ttft_ms,tpot_ms,"
      "simulated_ttft_ms,simulated_tpot_ms,gpu_share,preemptions,found_limit,found_ttft_ms,"
      "found_tpot_ms,failure\n";
  for (const PointResult& r : results) {
    const MeasuredPoint& p = r.point;
    std::string failure = r.failure;
    std::replace(failure.begin(), failure.end(), ',', ';');
    text += fmt::format(
        "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{:.4f},{:.4f},{:.4f},{},{},{:.4f},{:.4f},{}\n",
        p.id, p.model, p.precision, p.gpu, p.engine_version, p.recipe, p.input, p.output,
        p.concurrency, p.tp, p.attention_dp, p.moe_ep, p.ttft_ms, p.tpot_ms, r.ttft_ms, r.tpot_ms,
        r.gpu_share, r.preemptions, r.found_limit, r.found_ttft_ms, r.found_tpot_ms, failure);
  }
  return text;
}

}  // namespace lockstep
