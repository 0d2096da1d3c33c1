// The steps of a run as they happen, for what is fitted to them.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "config/step_calibration.hpp"
#include "engine/run_result.hpp"

namespace lockstep {

struct SimulatedStep {
  std::int32_t instance = 0;
  Nanos launch, end;
  StepFeatures features;  ///< of the whole wave
};

class StepCollector final : public RunObserver {
public:
  void on_launch(std::span<Batch* const> batches, Nanos now) override;
  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  [[nodiscard]] bool wants_batches() const override { return true; }

  /// By end; steps of one instance are in order.
  [[nodiscard]] const std::vector<SimulatedStep>& steps() const { return steps_; }

private:
  std::map<std::pair<std::int32_t, std::int64_t>, SimulatedStep> open_;
  std::vector<SimulatedStep> steps_;
};

}  // namespace lockstep
