#include "closed_loop/closed_loop.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>

#include "base/random.hpp"
#include "closed_loop/engine_group.hpp"

namespace lockstep {
namespace {

Nanos nanos(double micros) {
  return Nanos{std::llround(micros * 1e3)};
}

double millis(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

/// The client, and the server's front ends: one for each engine, as vLLM starts them.
class ClosedLoop {
public:
  ClosedLoop(StepModel& model, const ServerSettings& server, const ClientSettings& client,
             const std::vector<RequestLength>& lengths)
      : server_(server), client_(client) {
    const std::int64_t engines = model.split().attention_dp;
    const std::int64_t together = model.model().has_experts() ? engines : 1;
    for (std::int64_t i = 0; i < engines / together; ++i) {
      EngineGroup& group =
          *groups_.emplace_back(std::make_unique<EngineGroup>(model, server, together));
      for (ServedEngine& engine : group.engines()) {
        engines_.push_back(&engine);
      }
    }
    front_end_free_.resize(engines_.size());
    requests_.resize(lengths.size());
    sent_.resize(lengths.size());
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      requests_[i].id = static_cast<std::int64_t>(i);
      requests_[i].input = lengths[i].input;
      requests_[i].num_tokens = lengths[i].input;
      requests_[i].output = lengths[i].input + lengths[i].output;
    }
  }

  ClosedLoopResult run() {
    offer_first();
    for (EngineGroup* group = next_group(); group != nullptr || !arriving_.empty();
         group = next_group()) {
      if (group == nullptr ||
          (!arriving_.empty() && arriving_.front()->arrival <= *group->next_event())) {
        least_loaded().take_over(*arriving_.front());
        arriving_.pop_front();
        continue;
      }
      const Nanos now = *group->next_event();
      const std::int64_t ended = group->finish_step();
      for (std::int64_t i = 0; i < ended; ++i) {
        reply_seen(now + nanos(server_.host.reply));
      }
      group->begin_step();
    }
    return result();
  }

private:
  /// That something happens to first; null: to none.
  [[nodiscard]] EngineGroup* next_group() const {
    EngineGroup* first = nullptr;
    for (const auto& group : groups_) {
      const auto event = group->next_event();
      if (event && (first == nullptr || *event < *first->next_event())) {
        first = group.get();
      }
    }
    return first;
  }

  /// The client's first sends: a burst as large as its limit, or by the clock.
  void offer_first() {
    const std::size_t limit =
        client_.concurrency > 0 ? static_cast<std::size_t>(client_.concurrency) : requests_.size();
    if (client_.request_rate <= 0) {
      for (std::size_t i = 0; i < std::min(limit, requests_.size()); ++i) {
        send(Nanos{0});
      }
      return;
    }
    MersenneTwister random = MersenneTwister::from_seed(client_.seed);
    double at = 0;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      due_.push_back(nanos(at * 1e6));
      at += random.exponential(1 / client_.request_rate);
    }
    in_flight_limit_ = limit;
    send_due(Nanos{0}, true);
  }

  /// With a rate: sends what is due and allowed; `first` may look ahead of the clock, since what is
  /// due later simply arrives later.
  void send_due(Nanos now, bool first) {
    while (next_ < due_.size() && in_flight_ < in_flight_limit_) {
      send(first ? due_[next_] : std::max(now, due_[next_]));
    }
  }

  void send(Nanos now) {
    Request& request = requests_[next_];
    sent_[next_] = now;
    ++next_;
    ++in_flight_;
    const HostCosts& host = server_.host;
    Nanos& free = *std::min_element(front_end_free_.begin(), front_end_free_.end());
    free = std::max(free, now) +
           nanos(host.request + host.prompt_token * static_cast<double>(request.input));
    request.arrival = free;
    const auto later =
        std::find_if(arriving_.rbegin(), arriving_.rend(),
                     [&](const Request* other) { return other->arrival <= request.arrival; });
    arriving_.insert(later.base(), &request);
  }

  void reply_seen(Nanos now) {
    --in_flight_;
    if (client_.request_rate > 0) {
      send_due(now, false);
    } else if (next_ < requests_.size()) {
      send(now);
    }
  }

  /// vLLM's front ends send a request where the fewest wait and run.
  [[nodiscard]] ServedEngine& least_loaded() const {
    return **std::ranges::min_element(engines_, {}, &ServedEngine::unfinished);
  }

  ClosedLoopResult result() const {
    ClosedLoopResult result;
    double gpu_micros = 0;
    for (const auto& group : groups_) {
      result.steps += group->steps();
      gpu_micros += group->gpu_micros() / static_cast<double>(groups_.size());
      for (const ServedEngine& engine : group->engines()) {
        result.preemptions += engine.preemptions();
      }
    }
    const double reply = server_.host.reply / 1e3;
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      const Request& request = requests_[i];
      RequestTimes times;
      times.input = request.input;
      times.output = request.output - request.input;
      times.sent = millis(sent_[i]);
      times.ttft = millis(request.arrival + request.ttft - sent_[i]) + reply;
      times.end = millis(request.end_time) + reply;
      times.tpot = times.output > 1 ? (times.end - times.sent - times.ttft) /
                                          static_cast<double>(times.output - 1)
                                    : 0;
      result.duration = std::max(result.duration, times.end);
      result.requests.push_back(times);
    }
    result.gpu_share = result.duration > 0 ? gpu_micros / 1e3 / result.duration : 0;
    return result;
  }

  const ServerSettings& server_;
  const ClientSettings& client_;
  std::vector<Request> requests_;
  std::vector<std::unique_ptr<EngineGroup>> groups_;
  std::vector<ServedEngine*> engines_;  ///< of all groups
  std::vector<Nanos> front_end_free_;   ///< when each front end has handed over what it has
  std::deque<Request*> arriving_;       ///< at the front ends, by arrival
  std::vector<Nanos> sent_;
  std::vector<Nanos> due_;  ///< with a rate: when each may be sent
  std::size_t next_ = 0;    ///< to be sent
  std::size_t in_flight_ = 0;
  std::size_t in_flight_limit_ = 0;
};

}  // namespace

ClosedLoopResult run_closed_loop(StepModel& model, const ServerSettings& server,
                                 const ClientSettings& client,
                                 const std::vector<RequestLength>& lengths) {
  return ClosedLoop(model, server, client, lengths).run();
}

}  // namespace lockstep
