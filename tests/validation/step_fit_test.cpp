// A made-up server whose steps are longer than simulated by a known term: the fit finds it.
#include "validation/step_fit.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Steps of 10 ms and what `terms` add; request r decodes over steps [r, r + 40) of 400.
FittedRun server(const StepTerms& terms) {
  FittedRun run;
  Nanos now;
  std::vector<Nanos> ends;
  for (int s = 0; s < 400; ++s) {
    SimulatedStep step;
    step.launch = now;
    step.features.decodes = 1 + 60 * std::abs(std::sin(s / 60.0));
    step.features.prompt_tokens = s % 9 == 0 ? 500 : 0;
    now += Nanos{10'000'000} + terms.extra(step.features);
    step.end = now;
    run.steps.push_back(step);
    ends.push_back(now);
  }
  for (std::size_t r = 0; r < 300; ++r) {
    run.windows.push_back({0, ends[r], ends[r + 40]});
  }
  return run;
}

RecordedRun recorded_of(const FittedRun& truth) {
  RecordedRun run;
  for (const FittedRun::Window& window : truth.windows) {
    RecordedRequest request;
    request.output_toks = 41;
    request.queued = static_cast<double>(window.first.count()) / 1e9 - 0.1;
    request.first_token = static_cast<double>(window.first.count()) / 1e9;
    request.last_token = static_cast<double>(window.last.count()) / 1e9;
    run.requests.push_back(request);
  }
  return run;
}

double ms(Nanos time) {
  return static_cast<double>(time.count()) / 1e6;
}

StepTerms truth_terms() {
  StepTerms terms;
  terms.knots = {1, 32, 64};
  terms.pure_ms = {0.5, 2.0, 1.0};
  terms.mixed_ms = {3, 3, 3};
  return terms;
}

TEST(StepFit, FindsTheTermsThatARecordingHas) {
  const StepFit fit = fit_steps(recorded_of(server(truth_terms())), {}, server, 4);
  EXPECT_GT(fit.before_percent, 10);
  EXPECT_LT(fit.after_percent, 0.2);
  EXPECT_LT(fit.held_out_percent, 0.3);
  EXPECT_EQ(fit.left_out, 1U);
  EXPECT_NEAR(ms(fit.terms.extra({32, 0, 0})), 2.0, 0.3);
  EXPECT_NEAR(ms(fit.terms.extra({10, 500, 0})), 3.0, 0.8);
}

TEST(StepFit, APerfectSimulationNeedsNone) {
  const StepFit fit = fit_steps(recorded_of(server({})), {}, server, 2);
  EXPECT_LT(fit.before_percent, 1e-6);
  EXPECT_LT(std::abs(fit.terms.extra({32, 0, 0}).count()), 20'000);
}

TEST(StepFit, AFewStragglersDoNotPull) {
  RecordedRun run = recorded_of(server(truth_terms()));
  for (std::size_t i = 10; i < 300; i += 30) {
    *run.requests[i].last_token += 3;  // preempted for long
  }
  const StepFit fit = fit_steps(run, {}, server, 4);
  EXPECT_NEAR(ms(fit.terms.extra({32, 0, 0})), 2.0, 0.4);
}

TEST(StepFit, TooFewRequestsAreRefused) {
  RecordedRun run = recorded_of(server({}));
  run.requests.resize(10);
  EXPECT_THROW((void)fit_steps(run, {}, server, 1), UserError);
}

}  // namespace
}  // namespace lockstep
