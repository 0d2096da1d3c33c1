// How to come by a workload: from a file or a generator, and at which rate. Equal recipes give
// equal workloads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "workload/flat_generator.hpp"
#include "workload/workload.hpp"

namespace lockstep {

struct WorkloadRecipe {
  std::string file;            ///< JSON lines; empty: generated
  FlatOptions generator;       ///< of a generated one
  std::int64_t max_lines = 0;  ///< of a file: <= 0 all
  double rate_scale = 1.0;     ///< arrivals come this many times as fast
  std::optional<double> rate;  ///< of a file: arrivals per second on average, before `rate_scale`
  bool with_token_ids = true;  ///< false: token ids are left out, whatever the source has
};

/// Every arrival time divided by `factor` and cut to whole nanoseconds, the time of the first one
/// included; the times between a session's calls stay. Throws UserError unless factor > 0.
void scale_arrivals(Workload& workload, double factor);
/// The same of one arrival, in ns.
[[nodiscard]] Nanos scaled_arrival(Nanos arrival, double factor);

/// Arrivals per second: (lines - 1) / (last - first). 0 for fewer than two arrivals or no time
/// between.
[[nodiscard]] double arrival_rate(const Workload& workload);

/// Throws UserError for what the source or the rate refuses.
[[nodiscard]] Workload make_workload(const WorkloadRecipe& recipe);

}  // namespace lockstep
