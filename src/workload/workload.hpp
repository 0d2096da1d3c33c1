// What the clients send: flat requests and sessions of chained calls, as read from JSON lines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

using TokenIds = std::vector<std::int32_t>;

/// One call: a flat request, or one sub-request of a session.
struct WorkloadRequest {
  std::int64_t id = 0;  ///< running number in file order
  std::int64_t input_toks = 0;
  std::int64_t output_toks = 0;
  Nanos arrival;                  ///< of a later call of a session: not known yet, zero
  Nanos tool_duration;            ///< time between the end of this call and the next one's arrival
  std::int32_t session = -1;      ///< index into Workload::sessions; -1: none
  std::int32_t session_call = 0;  ///< position in the session
  std::int64_t priority = 0;      ///< lower: earlier (under the priority policy)
  std::int32_t lora = -1;         ///< index into Workload::loras; -1: no adapter
  TokenIds input_ids;             ///< may be empty or of another length than input_toks
  TokenIds output_ids;
  TokenIds prefix_ids;  ///< instead of input_ids: one per kPrefixIdTokens tokens of the prompt
};

struct WorkloadSession {
  std::string session_id;
  std::int64_t first_request = 0;  ///< index into Workload::requests of its first call
  std::int64_t num_calls = 0;
};

struct Workload {
  std::vector<WorkloadRequest> requests;  ///< by id
  std::vector<WorkloadSession> sessions;
  std::vector<std::string> loras;  ///< names of adapters, in order of appearance
};

struct WorkloadReadOptions {
  std::int64_t max_lines = 0;  ///< <= 0: all; a session is one line
  bool with_token_ids = true;  ///< false when no instance caches prefixes
};

/// Reads flat lines, session lines and lines of the Mooncake form, mixed. Throws UserError naming
/// file, line and field.
[[nodiscard]] Workload read_workload(const std::filesystem::path& file,
                                     const WorkloadReadOptions& options);
/// The same from text; `name` stands for the file in messages.
[[nodiscard]] Workload read_workload_text(std::string_view text, const std::string& name,
                                          const WorkloadReadOptions& options);

}  // namespace lockstep
