// The front end of the simulation: what happens when an NPU reports that it is free. It routes
// arrivals, completes batches, hands finished prompts over, forms the next batch, assembles waves
// and decides when the run is over. It owns no clock; the loop in simulation.hpp asks it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "energy/power_model.hpp"
#include "engine/dp_wave.hpp"
#include "engine/run_result.hpp"
#include "engine/serving_instance.hpp"
#include "engine/waves_ahead.hpp"
#include "serving/router.hpp"

namespace lockstep {

/// Answer to a poll.
struct PollReply {
  PollAnswer kind = PollAnswer::pass;
  const Program* program = nullptr;
  Nanos begin;  ///< of the program: now, or after steps that were left out
};

class Controller {
public:
  /// All references must outlive the controller; `power` may be null.
  Controller(const Cluster& cluster, const RunOptions& options, const FidelityPolicy& policy,
             std::vector<std::unique_ptr<ServingInstance>>& instances, Router& router,
             PowerModel* power, RunObserver& observer);

  /// From now on steps of decodes that are like others are left out where nobody could see them.
  void run_ahead() { runs_ahead_ = true; }
  [[nodiscard]] bool runs_ahead() const { return runs_ahead_ || waves_ahead_; }
  /// The same for the waves of the one group that all instances are in, each of them one NPU.
  /// `untimed`: accesses to host memory of up to this size take no time.
  void run_waves_ahead(Bytes untimed);
  [[nodiscard]] bool runs_waves_ahead() const { return waves_ahead_.has_value(); }
  /// Waves have just been left out, up to the beginning of the one answered: by instance, how much
  /// later than it the NPU has something to say. Empty: nobody has before it begins.
  [[nodiscard]] std::span<const Nanos> wave_offsets() const { return waves_ahead_->offsets; }
  /// Nothing is left out of the time from `horizon` on: something happens then.
  void look_no_further(Nanos horizon) { horizon_ = horizon; }
  /// No instance is over before all are without requests.
  void end_together() { end_together_ = true; }

  /// Where instances are marked for which a poll has changed something. Null: nobody wants to know.
  void note_changes_in(Marked* changed) { changed_ = changed; }

  /// NPU `npu`, which has finished iteration `iteration`, asks at `now`. `all_free`: so have all
  /// others of its instance, or, where waves are left out, of the cluster.
  PollReply poll(std::int32_t npu, std::int64_t iteration, Nanos now, bool all_free = false);

  /// Grows with every change of state; equal before and after a round of polls: nothing happened.
  [[nodiscard]] std::int64_t activity() const { return activity_; }
  /// The next heartbeat is due at the first poll after this time.
  [[nodiscard]] Nanos next_heartbeat_after() const { return last_log_ + interval_; }
  [[nodiscard]] bool heartbeat_due(Nanos now) const { return now > last_log_ + interval_; }
  [[nodiscard]] Nanos log_interval() const { return interval_; }

  /// Why the cluster cannot go on: blocked queues, members missing at a wave.
  [[nodiscard]] std::string describe_blocked(Nanos now);

  // What the result is made of.
  [[nodiscard]] std::int64_t requests() const { return requests_; }
  [[nodiscard]] std::int64_t prompt_tokens() const { return prompt_tokens_; }
  [[nodiscard]] std::int64_t generated_tokens() const { return generated_tokens_; }
  [[nodiscard]] std::int64_t steps() const { return steps_; }
  [[nodiscard]] const std::vector<std::array<double, 2>>& interval_throughput() const {
    return interval_throughput_;
  }

private:
  void note_changes(const ServingInstance& instance, bool start, std::int64_t activity_before);
  void note_group(const DPWave& wave);
  void book_idle(ServingInstance& instance, Nanos now);
  /// True: the batch is done.
  bool complete(ServingInstance& instance, std::int64_t iteration, std::int32_t npu, Nanos now);
  void hand_over(Request& request);
  Batch* next_batch(ServingInstance& instance, std::int32_t npu, std::int64_t iteration, Nanos now);
  const Program* answer(ServingInstance& instance, Batch* batch, std::int32_t npu, Nanos now);
  const Program* answer_without_batch(ServingInstance& instance, std::int32_t npu, Nanos now);
  void leave_standby(ServingInstance& instance, std::int32_t npu) const;
  const Program* answer_new_batch(ServingInstance& instance, Batch& batch, Nanos now);
  const Program* answer_joined_batch(ServingInstance& instance, Batch& batch, std::int32_t npu);
  const Program* generate_alone(ServingInstance& instance, Batch& batch, Nanos now);
  void join(DPWave& wave, Batch& batch);
  const Program* join_wave(ServingInstance& instance, Batch& batch, Nanos now);
  const Program* start_wave(ServingInstance& instance, DPWave& wave, Nanos now);
  const Program* generate(ServingInstance& instance, Batch& batch, std::int64_t wave_len,
                          Nanos now);
  const Program* known_program(ServingInstance& instance, const Batch& batch);
  Nanos leave_out_steps(ServingInstance& instance, const Batch& batch, Nanos now);
  [[nodiscard]] Nanos next_happening() const;
  void count_step(std::int64_t tokens);
  [[nodiscard]] std::size_t member_of(const ServingInstance& instance) const;
  [[nodiscard]] ServingInstance& instance_of(const Batch& batch) const;
  const Program* launch_wave(ServingInstance& instance, Nanos begin);
  Nanos leave_out_waves(std::size_t leader, Nanos now);
  [[nodiscard]] std::int64_t waves_alike(std::size_t leader, bool alone, Nanos now) const;
  [[nodiscard]] bool stays_alone(const Batch& batch, bool leads) const;
  [[nodiscard]] std::int64_t steps_alike(const Batch& batch, Nanos now) const;
  WaveForm& describe_wave(std::size_t leader, bool alone);
  void look_up_attention();
  Nanos repeat_waves(std::size_t leader, std::int64_t& left, Nanos now);
  void repeat_wave(const WaveTimes& wave, Nanos later, std::size_t leader, Nanos now);
  void count_wave();
  void watch_wave(Nanos now);
  const Program* answer_ahead(ServingInstance& instance, std::int32_t npu, std::int64_t iteration,
                              bool batch_done, Nanos now);
  const Program* lead_wave(ServingInstance& instance, Batch& batch, Nanos now);
  Batch* compose(ServingInstance& instance, Nanos now);
  const Program* make_program(ServingInstance& instance, Batch& batch, Nanos now);
  void report_step(const std::vector<Batch*>& batches, Nanos now);
  void heartbeat(Nanos now);
  /// Nothing: the run goes on as answered.
  std::optional<PollAnswer> test_end(ServingInstance& instance, std::int32_t npu);
  void log(LogSeverity severity, std::string_view component, const Instance* instance,
           std::string text);
  [[nodiscard]] bool logs(LogSeverity severity) const { return severity >= min_severity_; }
  [[nodiscard]] DPWave* wave_of(const ServingInstance& instance);

  const Cluster& cluster_;
  const FidelityPolicy& policy_;
  std::vector<std::unique_ptr<ServingInstance>>& instances_;
  std::vector<std::int32_t> instance_of_npu_;
  std::vector<DPWave> waves_;  ///< by DP group
  Router& router_;
  PowerModel* power_;
  RunObserver& observer_;
  ExpertExchange exchange_;
  bool strict_;
  LogSeverity min_severity_;
  bool wants_steps_;
  bool runs_ahead_ = false;
  bool end_together_ = false;
  Nanos horizon_ = Nanos::max();
  std::optional<WavesAhead> waves_ahead_;  ///< nothing: all waves are simulated
  bool all_free_ = false;                  ///< of the poll under way
  Nanos begin_;                            ///< of the program made last
  std::vector<Batch*> launched_;           ///< that start together; reused

  Nanos interval_;
  Nanos last_log_;
  std::int64_t window_prompt_ = 0, window_generated_ = 0;
  std::int64_t prompt_tokens_ = 0, generated_tokens_ = 0, requests_ = 0, steps_ = 0;
  std::vector<std::array<double, 2>> interval_throughput_;
  Nanos last_step_;
  std::int64_t step_prompt_ = 0, step_generated_ = 0;
  std::int64_t num_prefill_ = 0, num_done_ = 0;
  bool prefill_finished_ = false;
  bool drained_ = false;  ///< nothing will arrive any more
  Marked* changed_ = nullptr;
  std::int64_t activity_ = 0;
};

}  // namespace lockstep
