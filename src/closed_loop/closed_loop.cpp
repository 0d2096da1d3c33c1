#include "closed_loop/closed_loop.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <memory>

#include "base/random.hpp"
#include "closed_loop/engine_group.hpp"
#include "closed_loop/front_ends.hpp"

namespace lockstep {
namespace {

constexpr Nanos kNever{std::numeric_limits<std::int64_t>::max()};

double millis(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

class ClosedLoop {
public:
  ClosedLoop(StepModel& model, const ServerSettings& server, const ClientSettings& client,
             const std::vector<RequestLength>& lengths)
      : server_(server),
        // One for each engine, as vLLM starts them.
        front_ends_(server.host, static_cast<std::size_t>(model.split().attention_dp)),
        requests_(lengths.size()),
        sent_(lengths.size()) {
    const std::int64_t engines = model.split().attention_dp;
    const std::int64_t together = model.model().has_experts() ? engines : 1;
    for (std::int64_t i = 0; i < engines / together; ++i) {
      EngineGroup& group =
          *groups_.emplace_back(std::make_unique<EngineGroup>(model, server, together));
      for (ServedEngine& engine : group.engines()) {
        engines_.push_back(&engine);
      }
    }
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      requests_[i].id = static_cast<std::int64_t>(i);
      requests_[i].input = lengths[i].input;
      requests_[i].num_tokens = lengths[i].input;
      requests_[i].output = lengths[i].input + lengths[i].output;
    }
    prepare(client);
  }

  ClosedLoopResult run() {
    while (advance()) {
    }
    return result();
  }

private:
  /// When requests are due, and how many may be in flight.
  void prepare(const ClientSettings& client) {
    const std::size_t limit =
        client.concurrency > 0 ? static_cast<std::size_t>(client.concurrency) : requests_.size();
    slots_.assign(std::min(limit, requests_.size()), Nanos{0});
    due_.assign(requests_.size(), Nanos{0});
    if (client.request_rate > 0) {
      MersenneTwister random = MersenneTwister::from_seed(client.seed);
      double at = 0;
      for (Nanos& due : due_) {
        due = host_time(at * 1e6);
        at += random.exponential(1 / client.request_rate);
      }
    }
  }

  /// What happens next: the client sends, a request gets to an engine, or a step ends. False: all
  /// is done.
  bool advance() {
    const Nanos send_at = next_send();
    const Nanos arrival = arriving_.empty() ? kNever : arriving_.front()->arrival;
    EngineGroup* group = next_group();
    const Nanos step = group != nullptr ? group->next_event().value_or(kNever) : kNever;
    if (send_at <= std::min(arrival, step) && send_at != kNever) {
      send(send_at);
    } else if (arrival <= step && arrival != kNever) {
      least_loaded().take_over(*arriving_.front());
      arriving_.pop_front();
    } else if (group != nullptr) {
      if (group->runs_step()) {
        finish_step(*group, step);
      }
      group->begin_step();
    } else {
      return false;
    }
    return true;
  }

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

  [[nodiscard]] Nanos next_send() const {
    return next_ < requests_.size() && !slots_.empty() ? std::max(slots_.front(), due_[next_])
                                                       : kNever;
  }

  void send(Nanos now) {
    slots_.pop_front();
    sent_[next_] = now;
    Request& request = requests_[next_];
    request.arrival = front_ends_.take(now, request.input);
    const auto later =
        std::find_if(arriving_.rbegin(), arriving_.rend(),
                     [&](const Request* other) { return other->arrival <= request.arrival; });
    arriving_.insert(later.base(), &request);
    ++next_;
  }

  /// vLLM's front ends send a request where the fewest wait and run.
  [[nodiscard]] ServedEngine& least_loaded() const {
    return **std::ranges::min_element(engines_, {}, &ServedEngine::unfinished);
  }

  void finish_step(EngineGroup& group, Nanos now) {
    const std::int64_t ended = group.finish_step();
    const Nanos seen = now + host_time(server_.host.reply);
    slots_.insert(slots_.end(), static_cast<std::size_t>(ended), seen);
  }

  [[nodiscard]] RequestTimes times_of(std::size_t i) const {
    const Request& request = requests_[i];
    const double reply = server_.host.reply / 1e3;
    RequestTimes times;
    times.input = request.input;
    times.output = request.output - request.input;
    times.sent = millis(sent_[i]);
    times.ttft = millis(request.arrival + request.ttft - sent_[i]) + reply;
    times.end = millis(request.end_time) + reply;
    times.tpot = times.output > 1
                     ? (times.end - times.sent - times.ttft) / static_cast<double>(times.output - 1)
                     : 0;
    return times;
  }

  [[nodiscard]] ClosedLoopResult result() const {
    ClosedLoopResult result;
    double gpu_micros = 0;
    for (const auto& group : groups_) {
      result.steps += group->steps();
      gpu_micros += group->gpu_micros() / static_cast<double>(groups_.size());
      for (const ServedEngine& engine : group->engines()) {
        result.preemptions += engine.preemptions();
      }
    }
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      result.requests.push_back(times_of(i));
      result.duration = std::max(result.duration, result.requests.back().end);
    }
    result.gpu_share = result.duration > 0 ? gpu_micros / 1e3 / result.duration : 0;
    return result;
  }

  const ServerSettings& server_;
  FrontEnds front_ends_;
  std::vector<Request> requests_;
  std::vector<std::unique_ptr<EngineGroup>> groups_;
  std::vector<ServedEngine*> engines_;  ///< of all groups
  std::deque<Nanos> slots_;             ///< when the client may send again, ascending
  std::vector<Nanos> due_;              ///< when each may be sent at the earliest
  std::size_t next_ = 0;                ///< to be sent
  std::vector<Nanos> sent_;
  std::deque<Request*> arriving_;  ///< at the front ends, by arrival
};

}  // namespace

ClosedLoopResult run_closed_loop(StepModel& model, const ServerSettings& server,
                                 const ClientSettings& client,
                                 const std::vector<RequestLength>& lengths) {
  return ClosedLoop(model, server, client, lengths).run();
}

}  // namespace lockstep
