// What a workload asks for, in figures: counts, token sums, quantiles, and how much of the prompts
// an unlimited prefix cache would find already computed.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "workload/workload.hpp"

namespace lockstep {

struct Spread {
  /// The shares at which `quantiles` are taken, by linear interpolation.
  static constexpr std::array<double, 7> kShares = {0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0};
  std::array<double, 7> quantiles{};
  double mean = 0.0;
  double sum = 0.0;
};

/// Of no values: all zero.
[[nodiscard]] Spread describe(std::vector<double> values);

struct PrefixReuse {
  std::int64_t block_size = 16;    ///< tokens
  std::int64_t reused_tokens = 0;  ///< prompt tokens found in the cache
  std::int64_t reusing_calls = 0;  ///< calls with a hit
  std::int64_t prompt_tokens = 0;  ///< of all calls
  std::int64_t calls_with_ids = 0;
};

/// Calls in order of arrival (a session's calls one after another), each leaving the full blocks of
/// its prompt and answer in the cache; of a prompt at most floor((input - 1) / block) blocks hit.
/// Throws UserError when block_size < 1.
[[nodiscard]] PrefixReuse prefix_reuse(const Workload& workload, std::int64_t block_size);

struct WorkloadStats {
  std::int64_t lines = 0;  ///< flat requests and sessions with calls
  std::int64_t sessions = 0;
  std::int64_t calls = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  Nanos first_arrival;
  Nanos last_arrival;
  Spread input;   ///< tokens
  Spread output;  ///< tokens
  Spread gap;     ///< ns between the arrivals of lines
  Spread calls_per_session;
  Spread tool_duration;  ///< ns, of all calls but the last of each session
  PrefixReuse reuse;
};

[[nodiscard]] WorkloadStats workload_stats(const Workload& workload, std::int64_t block_size);

/// As a table for the terminal, ending with a newline.
[[nodiscard]] std::string stats_table(const WorkloadStats& stats);

}  // namespace lockstep
