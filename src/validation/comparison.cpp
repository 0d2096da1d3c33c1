#include "validation/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "report/statistics.hpp"

namespace lockstep {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

Nanos from_seconds(double seconds) {
  return Nanos{std::llround(seconds * 1e9)};
}

MetricFigures distribution(std::vector<Nanos> values) {
  MetricFigures result;
  result.samples = values.size();
  if (values.empty()) {
    result.figures.fill(kNone);
    return result;
  }
  result.figures = {mean(values), percentile(values, 0.5), percentile(values, 0.9),
                    percentile(values, 0.95), percentile(values, 0.99)};
  return result;
}

/// Linear between order statistics; NaN without values.
double quantile(std::vector<double>& sorted, double part) {
  if (sorted.empty()) {
    return kNone;
  }
  const double at = part * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  const double rest = at - static_cast<double>(low);
  return sorted[low] * (1.0 - rest) + sorted[high] * rest;
}

/// Gathers one metric request by request; what a side cannot tell is left out of it.
class Gathering {
public:
  explicit Gathering(std::string name) : name_(std::move(name)) {}

  void recorded(std::int64_t id, Nanos value) {
    recorded_.push_back(value);
    by_id_[id] = value;
  }
  void simulated(std::int64_t id, Nanos value) {
    simulated_.push_back(value);
    const auto found = by_id_.find(id);
    if (found != by_id_.end() && found->second > Nanos{0}) {
      const auto measured = static_cast<double>(found->second.count());
      const double apart = static_cast<double>(value.count()) - measured;
      errors_.push_back(std::abs(apart) / measured * 100.0);
      signed_sum_ += apart / measured * 100.0;
      absolute_sum_ += std::abs(apart);
    }
  }
  [[nodiscard]] Metric metric() {
    double sum = 0;
    for (const double error : errors_) {
      sum += error;
    }
    const auto mean_of = [this](double total) {
      return errors_.empty() ? kNone : total / static_cast<double>(errors_.size());
    };
    std::sort(errors_.begin(), errors_.end());
    const PairedErrors paired{mean_of(signed_sum_), quantile(errors_, 0.5), quantile(errors_, 0.9),
                              mean_of(absolute_sum_)};
    return {name_, distribution(std::move(recorded_)), distribution(std::move(simulated_)),
            mean_of(sum), paired};
  }

private:
  std::string name_;
  std::vector<Nanos> recorded_, simulated_;
  std::map<std::int64_t, Nanos> by_id_;
  std::vector<double> errors_;  ///< of pairs, without sign, in %
  double signed_sum_ = 0, absolute_sum_ = 0;
};

/// Sums that whole-run figures are made of.
struct Totals {
  std::int64_t requests = 0, prompt = 0, generated = 0, gaps = 0;
  double begin = std::numeric_limits<double>::infinity();  ///< s
  double end = -std::numeric_limits<double>::infinity();   ///< s
  double decoding = 0;                                     ///< s, first to last token

  void add(std::int64_t input, std::int64_t output, double from, double to, double decode) {
    ++requests;
    prompt += input;
    generated += output;
    gaps += output - 1;
    begin = std::min(begin, from);
    end = std::max(end, to);
    decoding += decode;
  }
  [[nodiscard]] double span() const { return requests > 0 ? end - begin : kNone; }
  [[nodiscard]] double rate(std::int64_t count) const {
    return span() > 0 ? static_cast<double>(count) / span() : kNone;
  }
  [[nodiscard]] double gap_ms() const {
    return gaps > 0 ? decoding / static_cast<double>(gaps) * 1e3 : kNone;
  }
};

/// Wall clock minus monotonic clock: no request can be queued before it arrived.
std::optional<double> clock_offset(const RecordedRun& run) {
  std::optional<double> offset;
  for (const RecordedRequest& request : run.requests) {
    if (request.arrival && request.queued) {
      const double apart = *request.arrival - *request.queued;
      offset = std::max(offset.value_or(apart), apart);
    }
  }
  const bool one_clock = offset && std::abs(*offset) < kSameClockSeconds;
  return one_clock ? 0.0 : offset;
}

void check_same_workload(const RecordedRun& recorded, std::span<const SimulatedRequest> simulated,
                         const std::string& sim_name) {
  std::vector<bool> seen(recorded.requests.size(), false);
  for (const SimulatedRequest& request : simulated) {
    const auto index = static_cast<std::size_t>(request.id);
    const auto refuse = [&](const std::string& problem) {
      throw UserError(problem, Where{sim_name, 0, fmt::format("request {}", request.id)},
                      "compare a recording with a simulation of the same workload");
    };
    if (request.id < 0 || index >= seen.size()) {
      refuse(fmt::format("the recording has {} requests only", seen.size()));
    }
    const RecordedRequest& other = recorded.requests[index];
    if (request.input != other.input_toks || request.output != other.output_toks) {
      refuse(fmt::format("{} prompt and {} output tokens, but {} and {} in the recording",
                         request.input, request.output, other.input_toks, other.output_toks));
    }
    if (seen[index]) {
      refuse("this request occurs twice");
    }
    seen[index] = true;
  }
}

struct Collector {
  Gathering ttft{"TTFT"}, ttft_from_arrival{"TTFT from arrival"};
  Gathering ttft_from_inbox{"TTFT from inbox"};
  Gathering queueing{"Queueing"}, scheduled_to_first{"Scheduled to first token"};
  Gathering tpot{"TPOT"};
  Gathering latency{"Latency"}, latency_from_arrival{"Latency from arrival"};
  Totals recorded_totals, simulated_totals;

  void add(std::int64_t id, const RecordedRequest& request, std::optional<double> offset) {
    const double anchor = *request.anchor();
    const double first = *request.first_token;
    const double last = *request.last_token;
    ttft.recorded(id, from_seconds(first - anchor));
    latency.recorded(id, from_seconds(last - anchor));
    if (request.output_toks > 1) {
      tpot.recorded(id,
                    from_seconds((last - first) / static_cast<double>(request.output_toks - 1)));
    }
    if (request.arrival && offset) {
      ttft_from_arrival.recorded(id, from_seconds(first + *offset - *request.arrival));
      latency_from_arrival.recorded(id, from_seconds(last + *offset - *request.arrival));
    }
    if (request.queued) {
      ttft_from_inbox.recorded(id, from_seconds(first - *request.queued));
    }
    if (request.scheduled) {
      queueing.recorded(id, from_seconds(*request.scheduled - anchor));
      scheduled_to_first.recorded(id, from_seconds(first - *request.scheduled));
    }
    recorded_totals.add(request.input_toks, request.output_toks, anchor, last, last - first);
  }

  void add(const SimulatedRequest& request) {
    ttft.simulated(request.id, request.ttft);
    ttft_from_arrival.simulated(request.id, request.ttft);
    if (request.inbox_wait) {
      ttft_from_inbox.simulated(request.id, request.ttft - *request.inbox_wait);
    }
    queueing.simulated(request.id, request.queuing_delay);
    scheduled_to_first.simulated(request.id, request.ttft - request.queuing_delay);
    tpot.simulated(request.id, request.tpot);  // 0 for one token; the recording leaves it out
    latency.simulated(request.id, request.latency);
    latency_from_arrival.simulated(request.id, request.latency);
    const auto seconds = [](Nanos time) { return static_cast<double>(time.count()) / 1e9; };
    simulated_totals.add(request.input, request.output, seconds(request.arrival),
                         seconds(request.end_time), seconds(request.latency - request.ttft));
  }
};

}  // namespace

double error_percent(double recorded, double simulated) {
  return recorded == 0.0 ? kNone : (simulated - recorded) / recorded * 100.0;
}

std::vector<const Metric*> Comparison::metrics() const {
  return {&ttft, &ttft_from_arrival, &ttft_from_inbox,     &queueing, &scheduled_to_first,
          &tpot, &latency,           &latency_from_arrival};
}

std::vector<const Figure*> Comparison::figures() const {
  return {&itl_mean, &makespan, &generation_rate, &total_rate, &request_rate};
}

Comparison compare(const RecordedRun& recorded, std::span<const SimulatedRequest> simulated,
                   const std::string& sim_name) {
  check_same_workload(recorded, simulated, sim_name);
  Collector all;
  const auto offset = clock_offset(recorded);
  for (std::size_t id = 0; id < recorded.requests.size(); ++id) {
    if (recorded.requests[id].complete()) {
      all.add(static_cast<std::int64_t>(id), recorded.requests[id], offset);
    }
  }
  for (const SimulatedRequest& request : simulated) {
    all.add(request);
  }
  const Totals& real = all.recorded_totals;
  const Totals& sim = all.simulated_totals;
  Comparison result;
  result.ttft = all.ttft.metric();
  result.ttft_from_arrival = all.ttft_from_arrival.metric();
  result.ttft_from_inbox = all.ttft_from_inbox.metric();
  result.queueing = all.queueing.metric();
  // Recorded waits of microseconds would swamp the relative ones.
  result.queueing.per_request = kNone;
  result.queueing.paired = {kNone, kNone, kNone, result.queueing.paired.absolute};
  result.scheduled_to_first = all.scheduled_to_first.metric();
  result.tpot = all.tpot.metric();
  result.latency = all.latency.metric();
  result.latency_from_arrival = all.latency_from_arrival.metric();
  result.itl_mean = {"ITL, mean over all tokens", "ms", real.gap_ms(), sim.gap_ms()};
  result.makespan = {"Makespan", "s", real.span(), sim.span()};
  result.generation_rate = {"Generated tokens", "1/s", real.rate(real.generated),
                            sim.rate(sim.generated)};
  result.total_rate = {"Prompt and generated tokens", "1/s",
                       real.rate(real.prompt + real.generated),
                       sim.rate(sim.prompt + sim.generated)};
  result.request_rate = {"Requests", "1/s", real.rate(real.requests), sim.rate(sim.requests)};
  result.recorded_requests = static_cast<std::size_t>(real.requests);
  result.simulated_requests = static_cast<std::size_t>(sim.requests);
  return result;
}

}  // namespace lockstep
