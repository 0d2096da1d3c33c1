// Traces as their owners publish them: when requests came and how long they were.
//   Azure LLM inference 2023, 2024: TIMESTAMP, ContextTokens, GeneratedTokens; timestamps such as
//     2023-11-16 18:17:03.9799600 or 2024-05-12 00:00:10.5+00:00 (read as given, offsets applied)
//   BurstGPT: Timestamp (seconds), Model, Request tokens, Response tokens, Log Type, and in later
//     releases Session ID, Elapsed time
//   Mooncake: JSON lines (see workload.hpp); the one that tells shared prefixes
// Columns are found by name, further ones are passed over. Who belongs to a conversation is not
// known, or not used, so every request is one of its own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "workload/workload.hpp"

namespace lockstep {

enum class TraceForm : std::uint8_t { azure, burst_gpt, mooncake };

struct TraceSelection {
  std::int64_t max_requests = 0;  ///< after all other choices; <= 0: all
  double start_seconds = 0;       ///< since the first row
  std::optional<double> duration_seconds;
  std::string model;     ///< BurstGPT: ChatGPT or GPT-4; empty: all
  std::string log_type;  ///< BurstGPT: "Conversation log" or "API log"; empty: all
};

struct TraceRequest {
  Nanos arrival;
  std::int64_t input_toks = 0;
  std::int64_t output_toks = 0;
  TokenIds prefix_ids;  ///< Mooncake's
};

struct PublicTrace {
  std::vector<TraceRequest> requests;  ///< by arrival, which counts from `start_seconds`
  std::int64_t rows = 0;
  std::int64_t without_tokens = 0;  ///< left out: no prompt or no answer, as failed requests have
};

/// 48 bytes of memory a request, and its prefix ids. Throws UserError naming file, line and column.
[[nodiscard]] PublicTrace read_public_trace(const std::filesystem::path& file, TraceForm form,
                                            const TraceSelection& selection);

/// Nanoseconds since 1970 of "YYYY-MM-DD HH:MM:SS[.fraction][Z|+HH:MM|-HH:MM]" (or with a T); none
/// when it is no such text.
[[nodiscard]] std::optional<std::int64_t> nanos_of_timestamp(std::string_view text);

}  // namespace lockstep
