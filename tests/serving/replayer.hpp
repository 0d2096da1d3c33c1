// Drives the serving room through a Recording and compares what it decides.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <utility>

#include "replay.hpp"
#include "serving/kv_cache_manager.hpp"
#include "serving/prefix_pool.hpp"
#include "serving/router.hpp"

namespace lockstep::testing {

inline std::string joined(const std::vector<std::int64_t>& values) {
  return fmt::format("{}", fmt::join(values, " "));
}

inline std::string content_of(const Batch& batch, bool with_write_through) {
  std::vector<std::int64_t> q, k, d, ids;
  if (batch.dummy) {
    d.push_back(1);
  }
  for (const BatchEntry& entry : batch.entries) {
    if (entry.tokens > 1) {
      q.push_back(entry.tokens);
      k.push_back(entry.computed_before);
    } else {
      d.push_back(entry.computed_before);
    }
    ids.push_back(entry.request->id);
  }
  std::string text =
      fmt::format("q {} k {} d {} load {} send {} of {}", joined(q), joined(k), joined(d),
                  batch.load.count(), batch.pd_kv_send_tokens, joined(ids));
  if (with_write_through) {
    text += fmt::format(" write {}", batch.write_through.count());
  }
  return text;
}

inline std::string times_of(const Request& r) {
  std::vector<std::int64_t> values{r.instance,        r.id,
                                   r.input,           r.output - r.input,
                                   r.arrival.count(), r.end_time.count(),
                                   r.latency.count(), r.queuing_delay.count(),
                                   r.ttft.count(),    r.tpot.count()};
  for (const Nanos gap : r.itl) {
    values.push_back(gap.count());
  }
  return joined(values);
}

inline constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

class Replay {
public:
  explicit Replay(const Recording& recording)
      : recording_(recording), in_flight_(recording.cluster.instances.size(), kNone) {
    std::vector<std::string> warnings;
    const auto pools = make_prefix_pools(recording.cluster, recording.options, warnings);
    std::vector<Scheduler*> schedulers;
    for (const Instance& instance : recording.cluster.instances) {
      const std::shared_ptr<PrefixPool>& lower = pools[static_cast<std::size_t>(instance.id)];
      schedulers_.push_back(std::make_unique<Scheduler>(
          instance, policy_, make_kv_cache_manager(instance, lower, policy_)));
      schedulers.push_back(schedulers_.back().get());
    }
    router_ = std::make_unique<Router>(schedulers, recording.options.request_routing_policy);
    router_->load(recording.workload, prompts_of(recording.options, FidelityPolicy::reference()));
    for (const RecordedRequest& result : recording.results) {
      tokens_[result.id] = result.tokens;
    }
    done_.resize(recording.batches.size());
    find_completion_times();
  }

  ReplayOutcome run() {
    outcome_.batches = recording_.batches.size();
    outcome_.requests = recording_.results.size();
    for (std::size_t i = 0; i < recording_.batches.size(); ++i) {
      form(i);
    }
    complete_until(Nanos::max(), kNone);
    compare_results();
    return outcome_;
  }

private:
  /// A batch is complete when the first token of its requests appears, or at the latest when its
  /// instance forms the next one.
  void find_completion_times() {
    std::vector<std::size_t> next(in_flight_.size(), kNone);
    for (std::size_t i = recording_.batches.size(); i-- > 0;) {
      const RecordedBatch& batch = recording_.batches[i];
      std::size_t& following = next[batch.instance];
      Nanos done = following == kNone ? Nanos::max() : recording_.batches[following].formed;
      for (const std::int64_t id : batch.requests) {
        for (const Nanos token : tokens_[id]) {
          if (token > batch.formed) {
            done = std::min(done, token);
            break;
          }
        }
      }
      done_[i] = done;
      following = i;
    }
  }

  [[nodiscard]] bool wide(std::size_t instance) const {
    return recording_.cluster.instances[instance].width() > 1;
  }

  void complete(std::size_t instance) {
    const std::size_t index = std::exchange(in_flight_[instance], kNone);
    const Nanos now = done_[index];
    router_->route_arrived(now);
    last_poll_ = now;
    Scheduler& scheduler = *schedulers_[instance];
    const std::int64_t iteration = ids_[index] + 1;
    Completion done = scheduler.add_done(iteration, scheduler.instance().first_npu, now);
    if (wide(instance)) {
      done = scheduler.add_done(iteration, scheduler.instance().end_npu(), now);
    }
    for (Request* request : done.ended) {
      if (needs_handoff(*request)) {
        router_->choose_decode(*request).add_decode(*request);
      } else {
        router_->on_complete(*request, now);
      }
    }
  }

  /// Completes, in order of time, what has ended when `former` is asked for a batch at `now`: end
  /// NPUs are asked before first NPUs, and those in instance order.
  void complete_until(Nanos now, std::size_t former) {
    while (true) {
      std::size_t earliest = kNone;
      for (std::size_t i = 0; i < in_flight_.size(); ++i) {
        if (in_flight_[i] == kNone) {
          continue;
        }
        const Nanos done = done_[in_flight_[i]];
        const bool due = done < now || (done == now && (wide(i) || i <= former));
        if (due && (earliest == kNone || done < done_[in_flight_[earliest]])) {
          earliest = i;
        }
      }
      if (earliest == kNone) {
        return;
      }
      complete(earliest);
      last_completed_ = earliest;
    }
  }

  void form(std::size_t index) {
    const RecordedBatch& recorded = recording_.batches[index];
    last_completed_ = kNone;
    complete_until(recorded.formed, recorded.instance);
    // In one poll, arrivals are routed before the completion, not after it.
    const bool same_poll = last_completed_ == recorded.instance && last_poll_ == recorded.formed &&
                           !wide(recorded.instance);
    if (!same_poll) {
      router_->route_arrived(recorded.formed);
    }
    Scheduler& scheduler = *schedulers_[recorded.instance];
    const std::int32_t npu = scheduler.instance().first_npu;
    Batch* batch = recorded.requests.empty() ? scheduler.open_dummy(recorded.formed)
                                             : scheduler.schedule(recorded.formed, npu, 0);
    const std::string mine =
        batch == nullptr ? "nothing" : content_of(*batch, recorded.with_write_through);
    if (mine == recorded.content) {
      ++outcome_.equal_batches;
    } else if (outcome_.first_difference.empty()) {
      outcome_.first_difference = fmt::format("row {} instance {}\n  expected {}\n  got      {}",
                                              index, recorded.instance, recorded.content, mine);
    }
    if (batch != nullptr) {
      ids_[index] = batch->id;
      in_flight_[recorded.instance] = index;
    }
  }

  void compare_results() {
    std::vector<std::string> mine;
    for (const auto& scheduler : schedulers_) {
      for (const Request* request : scheduler->done()) {
        mine.push_back(times_of(*request));
      }
    }
    for (std::size_t i = 0; i < recording_.results.size(); ++i) {
      const std::string got = i < mine.size() ? mine[i] : "nothing";
      if (got == recording_.results[i].times) {
        ++outcome_.equal_requests;
      } else if (outcome_.first_difference.empty()) {
        outcome_.first_difference = fmt::format("result row\n  expected {}\n  got      {}",
                                                recording_.results[i].times, got);
      }
    }
  }

  const Recording& recording_;
  FidelityPolicy policy_;
  std::vector<std::unique_ptr<Scheduler>> schedulers_;
  std::unique_ptr<Router> router_;
  std::map<std::int64_t, std::vector<Nanos>> tokens_;
  std::vector<Nanos> done_;                  ///< completion time of each recorded batch
  std::map<std::size_t, std::int64_t> ids_;  ///< recorded batch -> id
  std::vector<std::size_t> in_flight_;       ///< by instance: index of the recorded batch
  std::size_t last_completed_ = kNone;
  Nanos last_poll_{-1};
  ReplayOutcome outcome_;
};

}  // namespace lockstep::testing
