// What a server spends outside the GPU's kernels: the engine's own work around each step, launches
// that no graph covers, and the front end between client and engine.
#pragma once

#include <cmath>
#include <span>
#include <string_view>

#include "base/units.hpp"
#include "config/engine_terms.hpp"

namespace lockstep {

/// Microseconds each.
struct HostCosts {
  /// Engine work around a step: scheduling, input preparation, output processing. Behind the GPU's
  /// work without asynchronous scheduling; beside it with, so that only the longer counts.
  double step = 1200;
  double step_per_sequence = 8;
  /// Between the end of a step and the start of the next on the GPU, even when all is ready.
  double gap = 150;
  /// Launching a kernel in a step beyond the captured graphs, where they come one by one: the step
  /// takes at least as long as all its launches.
  double kernel_launch = 45;
  /// On top for each layer where attention is planned and called through FlashInfer (before 0.11).
  double flashinfer_launch = 300;
  /// Of one layer's attention, where it is launched between graphs.
  double attention_launch = kLaunchMicros;
  /// Front end, one request after the other: HTTP, tokenisation, hand-over.
  double request = 1500;
  double prompt_token = 5;
  /// From the engine's sampled token to the client, once in a request's first token.
  double reply = 7000;
};

/// Microseconds of the host as a time, to the nearest nanosecond.
[[nodiscard]] inline Nanos host_time(double micros) {
  return Nanos{std::llround(micros * 1e3)};
}

struct HostCostField {
  std::string_view name;
  double HostCosts::*member;
};
[[nodiscard]] std::span<const HostCostField> host_cost_fields();

}  // namespace lockstep
