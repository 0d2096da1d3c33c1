// A workload that is read while the run goes on: what is known of it beforehand, and how to open it
// as often as needed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/units.hpp"
#include "workload/flat_generator.hpp"
#include "workload/request_source.hpp"
#include "workload/workload.hpp"

namespace lockstep {

/// Of all requests.
struct WorkloadSurvey {
  std::int64_t requests = 0;
  std::int64_t longest_input = 0;
  std::int64_t longest_total = 0;  ///< prompt and answer, of which at least one token
  Nanos first_arrival = Nanos::max();
  Nanos last_arrival{};
};

struct StreamedWorkload {
  /// Requests by (arrival, id), from the first on.
  std::function<std::unique_ptr<RequestSource>()> open;
  WorkloadSurvey survey;
};

/// Of requests that are out of order, so many are held to be put in order.
inline constexpr std::size_t kReorderedRequests = 4096;

/// Reads the file once to look at it. Nothing: it cannot be streamed, because it is no regular
/// file, holds a session, whose later calls come at times not known yet, names adapters, whose
/// names are the workload's, or has a request that arrives before one that stands
/// kReorderedRequests or more lines above it. Throws UserError.
[[nodiscard]] std::optional<StreamedWorkload> stream_workload(const std::filesystem::path& file,
                                                              const WorkloadReadOptions& options);

/// Requests as they are made. Throws UserError on options out of range.
[[nodiscard]] StreamedWorkload stream_generator(const FlatOptions& options, double rate_scale);

}  // namespace lockstep
