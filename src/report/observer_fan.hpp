// Several observers of one run. Each is told everything; what nobody wants is not made.
#pragma once

#include <vector>

#include "engine/device_listener.hpp"
#include "engine/run_result.hpp"

namespace lockstep {

class ObserverFan final : public RunObserver, public DeviceListener {
public:
  /// The observers must outlive the fan; those of the devices are asked for here.
  void add(RunObserver& observer);
  void on_work(const DeviceWork& work) override;
  void on_phase(const NetworkPhase& phase) override;

  void on_log(const LogRecord& record) override;
  void on_heartbeat(const Heartbeat& heartbeat) override;
  void on_step(const StepEvent& step) override;
  void on_batch(const Batch& batch) override;
  void on_launch(std::span<Batch* const> batches, Nanos now) override;
  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  void on_request_done(const Request& request) override;
  void on_program(const Batch& batch, const IterationTrace& trace, const Program& program) override;
  void on_poll(std::int32_t npu, std::int64_t iteration, Nanos now, PollAnswer answer) override;
  [[nodiscard]] LogSeverity min_severity() const override;
  [[nodiscard]] bool wants_steps() const override;
  [[nodiscard]] bool wants_batches() const override;
  [[nodiscard]] bool wants_programs() const override;
  [[nodiscard]] bool wants_polls() const override;
  [[nodiscard]] DeviceListener* device_listener() override;

private:
  std::vector<RunObserver*> observers_;
  std::vector<DeviceListener*> listeners_;
};

}  // namespace lockstep
