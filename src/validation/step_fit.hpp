// Fits step terms to a recorded run: between a request's first and last token lie exactly as many
// steps as it has further tokens, so the recording says how long those steps took together, and the
// simulation says what kind of steps they were.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "config/step_calibration.hpp"
#include "engine/run_result.hpp"
#include "validation/recorded_run.hpp"
#include "validation/simulated_steps.hpp"

namespace lockstep {

/// What a simulation with some terms brought.
struct FittedRun {
  std::vector<SimulatedStep> steps;
  /// By request: instance, first token and end; instance -1: not served.
  struct Window {
    std::int32_t instance = -1;
    Nanos first, last;
  };
  std::vector<Window> windows;
};
using SimulateWith = std::function<FittedRun(const StepTerms&)>;

struct StepFit {
  StepTerms terms;
  std::size_t windows = 0;      ///< requests that the fit used
  std::size_t left_out = 0;     ///< first request (warm-up), preempted or incomplete ones
  double smoothing = 0;         ///< chosen by the held-out error
  double before_percent = 0;    ///< mean |simulated - recorded| / recorded of the windows, no terms
  double after_percent = 0;     ///< with them
  double held_out_percent = 0;  ///< of every fifth window, fitted on the others, in the last round
};

/// `start` names hardware, model and plan. Simulates `rounds` + 1 times.
/// Throws UserError when fewer than ten requests can be used.
[[nodiscard]] StepFit fit_steps(const RecordedRun& run, StepTerms start,
                                const SimulateWith& simulate, int rounds = 6);

/// Of the requests of a finished run.
[[nodiscard]] std::vector<FittedRun::Window> windows_of(const RunResult& result);

}  // namespace lockstep
