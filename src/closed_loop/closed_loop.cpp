#include "closed_loop/closed_loop.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <memory>

#include "base/error.hpp"
#include "base/random.hpp"
#include "serving/kv_cache_manager.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {
namespace {

Nanos nanos(double micros) {
  return Nanos{std::llround(micros * 1e3)};
}

double millis(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

/// What the scheduler wants to know of its instance.
Instance instance_of(const StepModel& model, const ServerSettings& server) {
  Instance instance;
  ModelConfig config;
  config.name = model.model().name;
  config.max_position_embeddings = model.model().max_context;
  instance.model = std::make_shared<const ModelConfig>(std::move(config));
  instance.max_num_seqs = server.max_num_seqs;
  instance.max_num_batched_tokens = server.max_num_batched_tokens;
  instance.block_size = server.block_size;
  instance.enable_prefix_caching = false;
  return instance;
}

NpuKvLayout layout_of(const ServerSettings& server) {
  NpuKvLayout layout;
  layout.blocks = server.kv_blocks;
  layout.block_size = server.block_size;
  layout.bytes_per_block = Bytes{1};
  return layout;
}

/// Microseconds to launch all kernels of a step one by one.
double eager_launches(const StepModel& model, const ServerSettings& server) {
  const auto& sizes = model.options().graph_sizes;
  const std::int64_t beyond = sizes.empty() ? 1 : sizes.back() + 1;
  const double planning = server.flashinfer ? server.host.flashinfer_launch : 0;
  return server.host.kernel_launch * static_cast<double>(model.kernels(beyond)) +
         planning * static_cast<double>(model.model().num_layers());
}

class ClosedLoop {
public:
  ClosedLoop(StepModel& model, const ServerSettings& server, const ClientSettings& client,
             const std::vector<RequestLength>& lengths)
      : model_(model),
        server_(server),
        eager_launches_(eager_launches(model, server)),
        client_(client),
        instance_(instance_of(model, server)),
        policy_(FidelityPolicy::for_mode(Fidelity::vllm)),
        scheduler_(instance_, policy_, KVCacheManager(layout_of(server), false, nullptr, false)) {
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
    while (step()) {
    }
    return result();
  }

private:
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
    front_end_free_ = std::max(front_end_free_, now) +
                      nanos(host.request + host.prompt_token * static_cast<double>(request.input));
    request.arrival = front_end_free_;
    arriving_.push_back(&request);
  }

  void reply_seen(Nanos now) {
    --in_flight_;
    if (client_.request_rate > 0) {
      send_due(now, false);
    } else if (next_ < requests_.size()) {
      send(now);
    }
  }

  /// With asynchronous scheduling a step is put together while the one before it starts, so it
  /// holds what had arrived by then.
  void take_arrivals() {
    const Nanos cutoff = server_.async_scheduling && busy_ ? previous_start_ : now_;
    while (!arriving_.empty() && arriving_.front()->arrival <= cutoff) {
      scheduler_.add_request(*arriving_.front());
      arriving_.pop_front();
    }
  }

  bool step() {
    take_arrivals();
    const Batch* batch = scheduler_.schedule(now_, 0, steps_ + 1);
    if (batch == nullptr) {
      return wait();
    }
    describe(*batch);
    const Nanos duration = duration_of(*batch);
    previous_start_ = now_;
    busy_ = true;
    now_ += duration;
    ++steps_;
    const Completion completion = scheduler_.add_done(batch->id + 1, 0, now_);
    for (std::size_t i = 0; i < completion.ended.size(); ++i) {
      reply_seen(now_ + nanos(server_.host.reply));
    }
    return true;
  }

  /// Nothing to compute: on to the next arrival. False: all is done.
  bool wait() {
    if (!arriving_.empty()) {
      now_ = std::max(now_, arriving_.front()->arrival);
      busy_ = false;
      return true;
    }
    if (const auto reason = scheduler_.blocked_reason(now_)) {
      throw UserError(*reason, Where{}, "give the server more memory, or send shorter requests");
    }
    ensure(scheduler_.empty(), "closed loop: requests wait although the server is idle");
    return false;
  }

  void describe(const Batch& batch) {
    shape_.clear();
    for (const BatchEntry& entry : batch.entries) {
      const std::int64_t end = entry.computed_before + entry.tokens;
      if (entry.tokens == 1 && entry.computed_before >= entry.request->input) {
        ++shape_.decodes;
        shape_.decode_context += end;
        shape_.longest_decode = std::max(shape_.longest_decode, end);
      } else {
        shape_.prompts.push_back(
            {entry.tokens, entry.computed_before, end >= entry.request->num_tokens});
      }
    }
  }

  /// Host time of launches that no graph saves.
  [[nodiscard]] double launches() const {
    const auto& sizes = model_.options().graph_sizes;
    if (sizes.empty() || shape_.tokens() > sizes.back()) {
      return eager_launches_;
    }
    return server_.full_graphs && shape_.prompts.empty()
               ? 0
               : server_.host.attention_launch * static_cast<double>(model_.model().num_layers());
  }

  Nanos duration_of(const Batch& batch) {
    const HostCosts& host = server_.host;
    double gpu = model_.micros(shape_);
    gpu_micros_ += gpu;
    gpu = std::max(gpu, launches());
    const double own =
        host.step + host.step_per_sequence * static_cast<double>(batch.entries.size());
    return nanos(server_.async_scheduling ? std::max(gpu + host.gap, own) : gpu + host.gap + own);
  }

  ClosedLoopResult result() const {
    ClosedLoopResult result;
    result.steps = steps_;
    result.preemptions = scheduler_.num_preemptions();
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
    result.gpu_share = result.duration > 0 ? gpu_micros_ / 1e3 / result.duration : 0;
    return result;
  }

  StepModel& model_;
  const ServerSettings& server_;
  double eager_launches_;
  const ClientSettings& client_;
  Instance instance_;
  FidelityPolicy policy_;
  Scheduler scheduler_;
  std::vector<Request> requests_;
  std::vector<Nanos> sent_;
  std::vector<Nanos> due_;         ///< with a rate: when each may be sent
  std::deque<Request*> arriving_;  ///< on their way to the engine, by arrival
  std::size_t next_ = 0;           ///< to be sent
  std::size_t in_flight_ = 0;
  std::size_t in_flight_limit_ = 0;
  Nanos front_end_free_;
  Nanos now_;
  Nanos previous_start_;
  bool busy_ = false;
  std::int64_t steps_ = 0;
  double gpu_micros_ = 0;
  StepBatch shape_;
};

}  // namespace

ClosedLoopResult run_closed_loop(StepModel& model, const ServerSettings& server,
                                 const ClientSettings& client,
                                 const std::vector<RequestLength>& lengths) {
  return ClosedLoop(model, server, client, lengths).run();
}

}  // namespace lockstep
