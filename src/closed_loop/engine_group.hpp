// Engines that run every step together: the data-parallel ranks of a model with experts, whose
// tokens meet in each of its layers. An engine of a dense model is a group of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "closed_loop/closed_loop.hpp"
#include "closed_loop/served_engine.hpp"

namespace lockstep {

class EngineGroup {
public:
  EngineGroup(StepModel& model, const ServerSettings& server, std::int64_t engines);

  [[nodiscard]] std::vector<ServedEngine>& engines() { return engines_; }
  [[nodiscard]] const std::vector<ServedEngine>& engines() const { return engines_; }

  /// When its step ends or, while it is idle, when a request gets there; nothing: it has none.
  [[nodiscard]] std::optional<Nanos> next_event() const;
  [[nodiscard]] bool runs_step() const { return running_; }
  /// The step that ends at next_event(): how many requests ended with it.
  std::int64_t finish_step();
  /// The next step begins at next_event(), if there is something to compute. Throws UserError when
  /// requests can never run.
  void begin_step();

  [[nodiscard]] std::int64_t steps() const { return steps_; }
  [[nodiscard]] double gpu_micros() const { return gpu_micros_; }

private:
  [[nodiscard]] double launches(std::int64_t tokens, bool prompts) const;
  [[nodiscard]] Nanos step_time();

  StepModel& model_;
  const ServerSettings& server_;
  double eager_launches_;  ///< us to launch all kernels of a step one by one
  std::vector<ServedEngine> engines_;
  std::vector<const StepBatch*> shapes_;
  Nanos now_;
  Nanos previous_start_;
  bool running_ = false;  ///< a step that ends at now_
  std::int64_t steps_ = 0;
  double gpu_micros_ = 0;
};

}  // namespace lockstep
