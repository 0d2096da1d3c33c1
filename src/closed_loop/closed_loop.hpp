// A benchmark client against one server: so many requests in flight at any time, or sent at a rate,
// from a burst on an idle server to the tail. The server is the real scheduler and KV cache over
// steps whose time is the sum of their operations and the host's part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "closed_loop/request_lengths.hpp"
#include "config/host_costs.hpp"
#include "steps/step_model.hpp"

namespace lockstep {

struct ServerSettings {
  std::int64_t max_num_batched_tokens = 8192;
  std::int64_t max_num_seqs = 1024;
  std::int64_t block_size = 16;
  std::int64_t kv_blocks = 0;
  bool async_scheduling = true;
  bool full_graphs = true;  ///< steps of decodes alone run as one graph
  bool flashinfer = false;  ///< attention is planned and called through FlashInfer
  HostCosts host;
};

struct ClientSettings {
  std::int64_t concurrency = 0;  ///< requests in flight; 0: no limit
  double request_rate = 0;       ///< requests a second, Poisson; 0: all offered at once
  std::uint32_t seed = 0;
};

/// Seen by the client, in milliseconds.
struct RequestTimes {
  std::int64_t input = 0;
  std::int64_t output = 0;
  double sent = 0;
  double ttft = 0;
  double tpot = 0;  ///< (end - first token) / (output - 1)
  double end = 0;
};

struct ClosedLoopResult {
  std::vector<RequestTimes> requests;  ///< in the order of their lengths
  double duration = 0;                 ///< ms, first send to last end
  std::int64_t steps = 0;
  std::int64_t preemptions = 0;
  double gpu_share = 0;  ///< of the duration that kernels ran
};

/// Throws UserError when a request can never run (more tokens than the pool has).
[[nodiscard]] ClosedLoopResult run_closed_loop(StepModel& model, const ServerSettings& server,
                                               const ClientSettings& client,
                                               const std::vector<RequestLength>& lengths);

}  // namespace lockstep
