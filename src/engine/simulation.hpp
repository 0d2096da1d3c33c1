// A whole run: the cluster, its clock, its front end. Build one, ask for its KV capacity, run it
// once, read the result. Two simulations may live in one process; each is used by one thread.
//
// The loop is short. The device simulator handles the next time at which anything happens; then
// every free NPU that somebody listens to is asked, last NPUs of instances first, then first ones,
// each list in instance order; a new batch starts at that time. Those for whom nothing has changed
// are left out (engine/ask_list).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "energy/power_model.hpp"
#include "engine/ask_list.hpp"
#include "engine/autoscaler.hpp"
#include "engine/controller.hpp"
#include "engine/device_simulator.hpp"
#include "engine/failure_schedule.hpp"
#include "engine/run_result.hpp"
#include "engine/serving_instance.hpp"
#include "perf/kernel_times.hpp"
#include "serving/npu_kv_layout.hpp"
#include "serving/router.hpp"
#include "workload/streamed_workload.hpp"
#include "workload/workload.hpp"

namespace lockstep {

/// What clients send: a workload as a whole, one that is read on the way, or, with neither, the
/// built-in one.
struct RequestsOfRun {
  RequestsOfRun(const Workload* workload) : whole(workload) {}              // NOLINT(*-explicit-*)
  RequestsOfRun(const StreamedWorkload& workload) : streamed(&workload) {}  // NOLINT(*-explicit-*)
  const Workload* whole = nullptr;
  const StreamedWorkload* streamed = nullptr;
};

class Simulation {
public:
  /// `cluster`, what `requests` means and `observer` must outlive the simulation. A streamed run
  /// tells of each request when it is done; its result holds none.
  /// Throws UserError for what does not fit or has no kernel times.
  Simulation(const Cluster& cluster, const RunOptions& options, RequestsOfRun requests,
             KernelTimeLibrary& kernel_times, RunObserver& observer);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  [[nodiscard]] const std::vector<NpuKvLayout>& kv_capacity() const { return kv_capacity_; }
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  /// One line a source of kernel times.
  [[nodiscard]] const std::vector<std::string>& kernel_time_sources() const { return sources_; }

  /// Logs how many requests and sessions were loaded.
  void announce_workload();

  /// Runs to the end. The result points at requests that live as long as the simulation.
  /// Throws UserError when the cluster can go no further, with who waits for what.
  RunResult run();

  /// The same in parts: goes on to the next time at which something happens, false when all is
  /// done; then finish() says what run() would have returned.
  bool advance();
  RunResult finish() { return collect(); }

  /// An open run, told before it begins: it never ends by itself, requests come by submit() while
  /// it goes on, and advance_within() keeps it from passing the time of those yet to come. What
  /// happens is what a closed run of the same requests would have done.
  void keep_open();
  /// `request` (made by make_request) must outlive the run or its completion; its arrival must lie
  /// after every limit so far.
  void submit(Request& request);
  /// The client has gone: the request gives back what it holds and ends without a stamp. It must
  /// live on until it is in no batch any more (Request::num_in_flight).
  void withdraw(Request& request);
  /// When the next thing happens, if no further request comes. Nothing: not before one does.
  [[nodiscard]] std::optional<Nanos> next_time() const;
  /// One advance() that passes nothing later than `limit`; false: nothing happens by then. Throws
  /// UserError as run() when what was submitted can never go on.
  bool advance_within(Nanos limit);
  /// Takes the requests that are done out of the schedulers' lists, so that they may be destroyed.
  void drop_done();

  [[nodiscard]] std::size_t num_instances() const { return instances_.size(); }
  [[nodiscard]] const Scheduler& scheduler(std::size_t instance) const {
    return instances_[instance]->scheduler();
  }
  [[nodiscard]] Nanos now() const { return device_->now(); }
  /// That the device simulator has handled; a measure of work, and not of the cluster.
  [[nodiscard]] std::int64_t num_events() const { return device_->num_events(); }
  [[nodiscard]] Router& router() { return *router_; }
  /// By instance id.
  [[nodiscard]] Scheduler& scheduler(std::size_t instance);
  /// Who decides on every instance who enters a batch; null: the schedulers. Must outlive the run.
  void admit_by(AdmissionPolicy* policy);

private:
  /// An NPU that the front end listens to: the first or last one of an instance.
  struct PolledNpu {
    std::int32_t npu = 0;
    std::int32_t instance = 0;
    bool asleep = false;
    std::int64_t reported = -1;  ///< last iteration named in the log
  };
  /// A program that begins later: the steps before it were left out. Without one: the instance has
  /// nothing to say until then.
  struct HeldProgram {
    const Program* program = nullptr;
    Nanos begin;
    bool waits = false;
  };

  void load(const RequestsOfRun& requests);
  void make_instances(const RunOptions& options, KernelTimeLibrary& kernel_times);
  [[nodiscard]] Folding folding_of(const DeviceSimulatorSpec& devices) const;
  [[nodiscard]] Nanos opening_alarm() const;
  void start_opening_event();
  void advance_clock();
  void check_clock() const;
  [[nodiscard]] bool anybody_asks() const;
  [[nodiscard]] bool any_start_asks() const;
  [[nodiscard]] Nanos first_held() const;
  [[nodiscard]] bool asks(const PolledNpu& polled) const;
  [[nodiscard]] bool polls_may_be_skipped() const;
  [[nodiscard]] bool rings_may_be_closed() const;
  [[nodiscard]] bool instances_are_alone() const;
  [[nodiscard]] bool host_holds_ids_only() const;
  [[nodiscard]] bool host_has_no_data() const;
  void run_ahead(const DeviceSimulatorSpec& devices);
  [[nodiscard]] bool steps_may_be_left_out(const DeviceSimulatorSpec& devices) const;
  [[nodiscard]] bool one_group_is_all() const;
  [[nodiscard]] bool all_free(const Instance& instance) const;
  [[nodiscard]] Nanos next_alarm() const;
  [[nodiscard]] Nanos next_cause() const;
  [[nodiscard]] Nanos idle_jump() const;
  [[nodiscard]] std::optional<Nanos> idle_target() const;
  void ask_changed_only();
  /// Notes whether the NPU asks, if it is one that is listened to.
  void refresh(std::int32_t npu);
  [[nodiscard]] PolledNpu& polled_at(std::size_t position);
  [[nodiscard]] std::optional<std::size_t> next_asker(std::size_t from);
  /// False: the run is over.
  bool poll_all();
  bool poll_changed();
  bool poll(PolledNpu& polled, bool start_npu);
  /// True: the NPU waits for the beginning of a program that it has been promised.
  bool held(const PolledNpu& polled, bool start_npu);
  void hold(const Instance& instance, const HeldProgram& promised);
  void hold_group(const Instance& leader, Nanos begin);
  void release_group();
  void launch(ServingInstance& instance, const Program& program, std::int32_t npu, bool start_npu);
  void launch_end(ServingInstance& instance, const Program& program);
  void log_iteration(std::int32_t npu, std::int64_t iteration);
  void set_up_fleet();
  [[nodiscard]] Nanos fleet_time(bool moving) const;
  [[nodiscard]] bool fleet_moves() const;
  void attend_fleet();
  void tell_router();
  void turn_off_drained();
  void fail(std::int32_t id, Nanos detected_after);
  void run_out(ServingInstance& instance);
  void restart(std::int32_t id);
  void log_fleet(std::int32_t id, std::string text);
  [[nodiscard]] std::string describe_fleet() const;
  [[nodiscard]] FleetUse fleet_use() const;
  [[noreturn]] void report_stuck();
  [[nodiscard]] RunResult collect();

  const Cluster& cluster_;
  const RunOptions options_;
  const FidelityPolicy policy_;
  RunObserver& observer_;
  std::vector<std::string> warnings_;
  std::vector<std::string> sources_;
  std::vector<NpuKvLayout> kv_capacity_;
  std::unique_ptr<PowerModel> power_;
  std::vector<std::unique_ptr<ServingInstance>> instances_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<DeviceSimulator> device_;
  std::unique_ptr<Controller> controller_;
  std::vector<PolledNpu> end_list_, start_list_;
  std::vector<HeldProgram> held_;       ///< by instance
  std::optional<AskList> asks_;         ///< none: all are asked
  std::vector<std::int32_t> finished_;  ///< NPUs, since the last round of polls; reused
  bool group_waits_ = false;            ///< for a program that is held
  bool launched_held_ = false;          ///< one of them, in the last round of polls
  bool begun_ = false;
  bool over_ = false;
  Nanos limit_ = Nanos::max();
  std::unique_ptr<FailureSchedule> failures_;
  std::unique_ptr<Autoscaler> scaler_;  ///< null: all instances are on
  FleetUse use_;                        ///< failures
  bool fleet_ = false;                  ///< instances may come and go
  bool quiet_ = false;                  ///< nothing happened in the last round of polls
  bool settled_ = false;                ///< a round now would change nothing
};

}  // namespace lockstep
