// Watches a run for one request: which steps it was part of, what its instance's NPUs did in them,
// and what else was under way when it came.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "config/cluster.hpp"
#include "engine/device_listener.hpp"
#include "engine/run_result.hpp"
#include "explain/intervals.hpp"
#include "iteration/trace_builder.hpp"

namespace lockstep {

/// A step that the request was part of.
struct WatchedStep {
  std::int32_t instance = 0;
  std::int64_t batch = 0;
  Nanos formed;  ///< its batch is ready; a member of a wave then waits for the others
  Nanos launch, end;
  std::int64_t requests = 0, tokens = 0, padding = 0;  ///< of the batch; without padding, padding
  std::int64_t own_tokens = 0;                         ///< of the request
  std::int64_t preemptions = 0;                        ///< of the request until then
  bool recomputes = false;                             ///< computes tokens whose KV it had already
  std::vector<Interval> intervals;                     ///< [launch, end), one cause at each instant
};

/// When a batch of an instance was formed and ended.
struct StepWindow {
  std::int32_t instance = 0;
  Nanos formed;
  Nanos end{-1};  ///< -1: not yet
};

class RequestWatch final : public RunObserver, public DeviceListener {
public:
  /// `cluster` must outlive it. `times`, by instance, may be empty: padding is not told apart then.
  RequestWatch(const Cluster& cluster, std::int64_t request,
               std::vector<std::shared_ptr<const KernelTimes>> times, TraceSettings settings);

  void on_program(const Batch& batch, const IterationTrace& trace, const Program& program) override;
  void on_launch(std::span<Batch* const> batches, Nanos now) override;
  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  void on_request_done(const Request& request) override;
  void on_work(const DeviceWork& work) override;
  void on_phase(const NetworkPhase& phase) override;
  [[nodiscard]] bool wants_programs() const override { return true; }
  [[nodiscard]] DeviceListener* device_listener() override { return this; }
  [[nodiscard]] LogSeverity min_severity() const override { return LogSeverity::error; }

  /// The finished request; none when the run had no such request.
  [[nodiscard]] const std::optional<Request>& request() const { return done_; }
  /// In order of launch.
  [[nodiscard]] const std::vector<WatchedStep>& steps() const { return steps_; }
  [[nodiscard]] const std::vector<StepWindow>& windows() const { return windows_; }

private:
  using BatchKey = std::pair<std::int32_t, std::int64_t>;  ///< instance, batch
  /// A collective as the NPUs of a wave see it: the mask, and which one with that mask in the step.
  using ExchangeKey = std::pair<std::pair<std::uint8_t, std::uint32_t>, std::int64_t>;
  struct Entry {
    std::int32_t npu = 0;
    Nanos begin, end;
  };
  struct Exchanges {
    std::map<ExchangeKey, std::vector<Entry>> entries;
    std::map<std::pair<std::int32_t, std::pair<std::uint8_t, std::uint32_t>>, std::int64_t> counts;
  };
  struct Row {
    std::string_view name;
    Nanos padding;
  };
  /// A batch of a wave that the request takes part in; `step` only of its own.
  struct Open {
    std::optional<WatchedStep> step;
    std::vector<Row> rows;
    std::vector<Interval> spans;
    std::vector<NetworkPhase> phases;
    std::shared_ptr<Exchanges> exchanges;
  };

  [[nodiscard]] std::vector<Row> rows_of(const Batch& batch, const IterationTrace& trace);
  [[nodiscard]] Open* open_of(std::int32_t npu, std::int64_t batch);
  void add_work(Open& open, const DeviceWork& work) const;
  void add_exchanges(Open& open) const;
  void add_exchange(Open& open, const Entry& own, std::span<const Entry> all,
                    bool spans_wave) const;
  [[nodiscard]] const Instance& instance_of(std::int32_t npu) const;
  [[nodiscard]] std::int64_t stage_of(std::int32_t npu) const;

  const Cluster& cluster_;
  std::int64_t id_;
  std::vector<std::int32_t> instance_of_npu_;
  std::vector<std::unique_ptr<TraceBuilder>> builders_;  ///< by instance; empty: none
  std::map<BatchKey, Open> open_;
  std::vector<WatchedStep> steps_;
  std::vector<StepWindow> windows_;
  std::map<BatchKey, std::size_t> open_windows_;
  std::int64_t high_water_ = 0;  ///< tokens of the request whose KV existed at some time
  std::optional<Request> done_;
};

}  // namespace lockstep
