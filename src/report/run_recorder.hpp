// Listens to a run and keeps its steps, its memory over time and its time in the network.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/cluster.hpp"
#include "engine/device_listener.hpp"
#include "engine/run_result.hpp"
#include "report/run_record.hpp"
#include "report/time_buckets.hpp"
#include "serving/npu_kv_layout.hpp"

namespace lockstep {

class RunRecorder final : public RunObserver, public DeviceListener {
public:
  /// Rows of steps that are kept; a longer run is cut there.
  static constexpr std::size_t kMostSteps = 20'000;

  /// `cluster` must outlive it.
  explicit RunRecorder(const Cluster& cluster);

  void on_launch(std::span<Batch* const> batches, Nanos now) override;
  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  [[nodiscard]] bool wants_batches() const override { return true; }
  void on_heartbeat(const Heartbeat& heartbeat) override;
  void on_phase(const NetworkPhase& phase) override;
  [[nodiscard]] DeviceListener* device_listener() override { return this; }
  /// It prints nothing, so it asks for no log lines.
  [[nodiscard]] LogSeverity min_severity() const override { return LogSeverity::error; }

  /// Moves what was recorded into the record. `capacities` by instance.
  void finish(std::span<const NpuKvLayout> capacities, RunRecord& record);

private:
  struct Dimension {
    std::int64_t phases = 0;
    double busy_ns = 0;
    double sent_bytes = 0;
    std::map<CollectiveKind, double> by_collective;
    TimeBuckets buckets;
  };

  void sample(Nanos now);
  void name_dimension(std::size_t index, DimensionRecord& record) const;

  const Cluster& cluster_;
  std::int64_t total_steps_ = 0;
  std::int64_t waves_ = 0;
  std::vector<StepRecord> steps_;
  std::map<std::pair<std::int32_t, std::int64_t>, std::size_t> open_;  ///< (instance, batch): row

  // Every stride_-th launch is a sample; the stride doubles when there are too many.
  std::int64_t stride_ = 1;
  std::vector<std::int64_t> times_;
  std::vector<std::vector<std::int64_t>> samples_;  ///< by series: NPU by instance, CPU, CXL
  std::vector<std::int64_t> latest_;

  std::vector<Dimension> dimensions_;  ///< the last one: all dimensions at once
};

}  // namespace lockstep
