// What a simulation says of one request: a row of its result file, or of a run still in memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "base/units.hpp"
#include "engine/run_result.hpp"

namespace lockstep {

struct SimulatedRequest {
  std::int64_t id = 0;
  std::int64_t input = 0;   ///< prompt tokens
  std::int64_t output = 0;  ///< generated tokens
  Nanos arrival, end_time;
  Nanos latency;        ///< since arrival
  Nanos queuing_delay;  ///< arrival to scheduling
  Nanos ttft;           ///< since arrival
  Nanos tpot;
  std::vector<Nanos> itl;           ///< of every token after the first
  std::optional<Nanos> inbox_wait;  ///< arrival to when the engine took it in; files do not say
};

/// The rows of a result file in its order. Throws UserError naming file and line.
[[nodiscard]] std::vector<SimulatedRequest> read_request_csv(const std::filesystem::path& file);

/// The requests of a run in the order of its result file.
[[nodiscard]] std::vector<SimulatedRequest> simulated_requests(const RunResult& result);

}  // namespace lockstep
