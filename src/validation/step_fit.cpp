#include "validation/step_fit.hpp"

#include <fmt/format.h>

#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "base/error.hpp"
#include "base/knots.hpp"

namespace lockstep {
namespace {

constexpr int kFolds = 5;
constexpr std::array<double, 7> kSmoothings = {0.01, 0.1, 1, 10, 100, 1000, 10000};
constexpr double kSlopePenalty = 1e-3;
constexpr double kNanosPerMs = 1e6;
/// Windows that are further off than this many median errors do not pull (preemptions).
constexpr double kOutlier = 4;

/// Numbers of decodes at which terms may bend; at least two.
std::vector<double> knots_up_to(double most) {
  std::vector<double> knots;
  for (const double knot : {1.0, 4.0, 8.0, 16.0, 24.0, 32.0, 40.0, 48.0, 56.0, 64.0, 80.0, 96.0,
                            112.0, 128.0, 160.0, 192.0, 224.0, 256.0}) {
    knots.push_back(knot);
    if (knots.size() > 1 && knot >= most) {
      break;
    }
  }
  return knots;
}

/// Unknowns: pure hats, mixed hats, ms a 1k prompt tokens, ms a 1M context tokens.
class Design {
public:
  explicit Design(const std::vector<double>& knots) : knots_(knots) {}
  [[nodiscard]] std::size_t size() const { return 2 * knots_.size() + 2; }

  void add(const StepFeatures& step, std::vector<double>& row) const {
    const bool mixed = step.prompt_tokens > 0;
    const KnotPlace place = knot_place(knots_, step.decodes);
    const std::size_t lower = place.lower + (mixed ? knots_.size() : 0);
    row[lower] += 1 - place.weight;
    row[lower + 1] += place.weight;
    row[size() - 2] += step.prompt_tokens / 1e3;
    row[size() - 1] += step.context / 1e6;
  }

  /// Second differences of both lists of hats, and a little of everything.
  [[nodiscard]] Eigen::MatrixXd penalty(double smoothing) const {
    const auto n = static_cast<Eigen::Index>(size());
    const auto k = static_cast<Eigen::Index>(knots_.size());
    Eigen::MatrixXd result = Eigen::MatrixXd::Identity(n, n) * kSlopePenalty;
    for (Eigen::Index list = 0; list < 2; ++list) {
      for (Eigen::Index i = 1; i + 1 < k; ++i) {
        Eigen::VectorXd bend = Eigen::VectorXd::Zero(n);
        bend[list * k + i - 1] = 1;
        bend[list * k + i] = -2;
        bend[list * k + i + 1] = 1;
        result += smoothing * bend * bend.transpose();
      }
    }
    return result;
  }

  void apply(const Eigen::VectorXd& values, StepTerms& terms) const {
    const auto k = knots_.size();
    terms.knots = knots_;
    terms.pure_ms.assign(values.data(), values.data() + k);
    terms.mixed_ms.assign(values.data() + k, values.data() + 2 * k);
    terms.ms_per_1k_prompt = values[static_cast<Eigen::Index>(2 * k)];
    terms.ms_per_1m_context = values[static_cast<Eigen::Index>(2 * k + 1)];
  }

private:
  std::vector<double> knots_;
};

/// One window: what the steps in it are, how long they took there and here.
struct Equation {
  std::vector<double> row;
  double missing_ms = 0;  ///< recorded less simulated
  double recorded_ms = 0;
};

class Windows {
public:
  Windows(const RecordedRun& run, const Design& design) : run_(run), design_(design) {}

  [[nodiscard]] std::vector<Equation> equations(const FittedRun& simulated) const {
    // Sums over the steps of each instance up to an end, so that a window is a difference.
    std::map<std::int32_t, std::vector<std::pair<Nanos, std::vector<double>>>> sums;
    for (const SimulatedStep& step : simulated.steps) {
      auto& list = sums[step.instance];
      std::vector<double> row =
          list.empty() ? std::vector<double>(design_.size(), 0.0) : list.back().second;
      design_.add(step.features, row);
      list.emplace_back(step.end, std::move(row));
    }
    std::vector<Equation> result;
    for (std::size_t i = 1; i < run_.requests.size(); ++i) {  // the first warms the server up
      const RecordedRequest& recorded = run_.requests[i];
      if (i >= simulated.windows.size() || simulated.windows[i].instance < 0 ||
          !recorded.complete() || recorded.output_toks < 2) {
        continue;
      }
      result.push_back(
          equation(recorded, simulated.windows[i], sums.at(simulated.windows[i].instance)));
    }
    return result;
  }

private:
  [[nodiscard]] Equation equation(
      const RecordedRequest& recorded, const FittedRun::Window& window,
      const std::vector<std::pair<Nanos, std::vector<double>>>& sums) const {
    const auto up_to = [&](Nanos time) {
      const auto after = std::upper_bound(sums.begin(), sums.end(), time,
                                          [](Nanos t, const auto& sum) { return t < sum.first; });
      return after == sums.begin() ? nullptr : &std::prev(after)->second;
    };
    Equation result;
    result.row.assign(design_.size(), 0.0);
    const auto* end = up_to(window.last);
    const auto* begin = up_to(window.first);
    for (std::size_t j = 0; j < result.row.size(); ++j) {
      result.row[j] = (end != nullptr ? (*end)[j] : 0.0) - (begin != nullptr ? (*begin)[j] : 0.0);
    }
    result.recorded_ms = (*recorded.last_token - *recorded.first_token) * 1e3;
    result.missing_ms = result.recorded_ms -
                        static_cast<double>((window.last - window.first).count()) / kNanosPerMs;
    return result;
  }

  const RecordedRun& run_;
  const Design& design_;
};

double median(std::vector<double> values) {
  if (values.empty()) {
    return 0;
  }
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Change of the unknowns that explains what is missing, in shares of each window's length so that
/// long ones do not rule. `now`: the present values, which the penalty counts from.
Eigen::VectorXd solve(const std::vector<Equation>& equations, const Eigen::MatrixXd& penalty,
                      const Eigen::VectorXd& now, int left_out_fold) {
  const auto n = penalty.rows();
  Eigen::VectorXd change = Eigen::VectorXd::Zero(n);
  for (int pass = 0; pass < 3; ++pass) {
    const auto residual = [&](const Equation& e) {
      const Eigen::Map<const Eigen::VectorXd> row(e.row.data(), n);
      return (e.missing_ms - row.dot(change)) / e.recorded_ms * 100;
    };
    std::vector<double> sizes;
    for (const Equation& e : equations) {
      sizes.push_back(std::abs(residual(e)));
    }
    const double limit = kOutlier * std::max(median(sizes), 1e-9);
    Eigen::MatrixXd left = penalty;
    Eigen::VectorXd right = -penalty * now;
    for (std::size_t i = 0; i < equations.size(); ++i) {
      if (static_cast<int>(i % kFolds) == left_out_fold || (pass > 0 && sizes[i] > limit)) {
        continue;
      }
      const Eigen::Map<const Eigen::VectorXd> row(equations[i].row.data(), n);
      const double weight = 1e4 / (equations[i].recorded_ms * equations[i].recorded_ms);
      left += weight * row * row.transpose();
      right += weight * row * equations[i].missing_ms;
    }
    change = left.ldlt().solve(right);
  }
  return change;
}

double mean_error(const std::vector<Equation>& equations, const Eigen::VectorXd& change,
                  int only_fold) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = 0; i < equations.size(); ++i) {
    if (only_fold >= 0 && static_cast<int>(i % kFolds) != only_fold) {
      continue;
    }
    const Eigen::Map<const Eigen::VectorXd> row(equations[i].row.data(), change.size());
    sum += std::abs(equations[i].missing_ms - row.dot(change)) / equations[i].recorded_ms * 100;
    ++count;
  }
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

double held_out(const std::vector<Equation>& equations, const Eigen::MatrixXd& penalty,
                const Eigen::VectorXd& now) {
  double sum = 0;
  for (int fold = 0; fold < kFolds; ++fold) {
    sum += mean_error(equations, solve(equations, penalty, now, fold), fold);
  }
  return sum / kFolds;
}

double most_decodes(const FittedRun& run) {
  double most = 1;
  for (const SimulatedStep& step : run.steps) {
    most = std::max(most, step.features.decodes);
  }
  return most;
}

}  // namespace

std::vector<FittedRun::Window> windows_of(const RunResult& result) {
  std::vector<FittedRun::Window> windows;
  for (std::size_t instance = 0; instance < result.done.size(); ++instance) {
    for (const Request* request : result.done[instance]) {
      const auto id = static_cast<std::size_t>(request->id);
      windows.resize(std::max(windows.size(), id + 1));
      windows[id] = {static_cast<std::int32_t>(instance), request->arrival + request->ttft,
                     request->end_time};
    }
  }
  return windows;
}

StepFit fit_steps(const RecordedRun& run, StepTerms start, const SimulateWith& simulate,
                  int rounds) {
  StepFit best;
  best.terms = std::move(start);
  FittedRun simulated = simulate(best.terms);
  const Design design(knots_up_to(most_decodes(simulated)));
  const Windows windows(run, design);
  std::vector<Equation> equations = windows.equations(simulated);
  if (equations.size() < 10) {
    throw UserError(fmt::format("only {} requests of {} can be used for a fit", equations.size(),
                                run.dir.string()),
                    {run.dir.string(), 0, "vllm/requests.jsonl"},
                    "record a run of at least ten requests with two tokens or more");
  }
  const auto n = static_cast<Eigen::Index>(design.size());
  Eigen::VectorXd values = Eigen::VectorXd::Zero(n);
  best.windows = equations.size();
  best.left_out = run.requests.size() - equations.size();
  best.before_percent = best.after_percent = mean_error(equations, Eigen::VectorXd::Zero(n), -1);
  design.apply(values, best.terms);
  for (int round = 0; round < rounds; ++round) {
    double smoothing = kSmoothings.front();
    double least = 0;
    for (const double candidate : kSmoothings) {
      const double error = held_out(equations, design.penalty(candidate), values);
      if (candidate == kSmoothings.front() || error < least) {
        least = error;
        smoothing = candidate;
      }
    }
    values += solve(equations, design.penalty(smoothing), values, -1);
    StepTerms terms = best.terms;
    design.apply(values, terms);
    simulated = simulate(terms);
    equations = windows.equations(simulated);
    const double error = mean_error(equations, Eigen::VectorXd::Zero(n), -1);
    if (error < best.after_percent) {
      best.terms = terms;
      best.after_percent = error;
      best.smoothing = smoothing;
      best.held_out_percent = least;
    }
  }
  return best;
}

}  // namespace lockstep
