// Runs whose server held fewer sequences than their client had in flight, without the point saying
// so: scripts that take the server's limit and the number of prompts from one variable and the
// client's limit from another. Most requests then wait almost all their time, and tokens follow
// each other as in a far smaller batch.
#pragma once

#include <set>
#include <vector>

#include "closed_loop/measured_points.hpp"

namespace lockstep {

/// True where the point's own figures contradict its load: its recipe lets the server hold all
/// requests in flight, yet a request waits more than three times as long as it runs, more than
/// twice as long as a simulation of the load as listed says.
[[nodiscard]] bool hides_a_limit(const MeasuredPoint& point, const Recipe& recipe,
                                 double simulated_ttft_ms);

/// What its script may have swept: the smaller concurrencies that the same model and GPU were
/// measured at.
[[nodiscard]] std::set<std::int64_t> swept_limits(const MeasuredPoint& point,
                                                  const std::vector<MeasuredPoint>& points);

}  // namespace lockstep
