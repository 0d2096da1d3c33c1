// What the modelled serving engine does beyond the schedule: the terms of `--fidelity vllm`. Each
// has a name by which it is switched, and none acts under `--fidelity reference`.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

/// The engine version that the terms describe.
inline constexpr std::string_view kEngineVersion = "0.19";

/// Microseconds in which the host launches one kernel outside captured graphs. Measured serving
/// points of eager engines show 0.8 ms a layer of about ten kernels.
inline constexpr double kLaunchMicros = 80;

struct EngineTerms {
  /// Two steps in flight: while one runs, the next is already put together. (Default of the engine
  /// since 0.14; pipelines have one step a stage in flight anyway.)
  bool async_scheduling = false;
  /// Steps up to the largest captured graph are padded to the next captured number of tokens.
  bool graph_padding = false;
  /// Every token, padding too, picks its experts by itself, so that some are picked twice.
  bool independent_experts = false;
  /// Collectives take what was measured on the hardware for their size, where that is known.
  bool collective_curves = false;
  /// Prompts of one step attend each to itself and not to one another.
  bool separate_prompts = false;
  /// Outside captured graphs a step lasts at least as long as its kernels take to be launched.
  bool host_launches = false;
  /// Steps of decodes whose contexts the attention kernel does not split wait for its last block.
  bool unsplit_decodes = false;
  /// KV blocks are what the engine's memory profile leaves: activations, context and graphs count.
  bool memory_profile = false;

  [[nodiscard]] static EngineTerms none() { return {}; }
  [[nodiscard]] static EngineTerms all() {
    return {true, true, true, true, true, true, true, true};
  }
  friend bool operator==(const EngineTerms&, const EngineTerms&) = default;
};

struct EngineTermName {
  std::string_view name;  ///< as in `--engine-terms`
  bool EngineTerms::*member;
};
[[nodiscard]] std::span<const EngineTermName> engine_term_names();

/// "all", "none", or names with commas between. Throws UserError that names `flag`.
[[nodiscard]] EngineTerms engine_terms_from(std::string_view text, const std::string& flag);
/// The names of those that are on, with commas between; "none" without any.
[[nodiscard]] std::string to_string(const EngineTerms& terms);

/// Numbers of tokens for which the engine captures graphs: 1, 2, 4, then every 8th to 256, every
/// 16th beyond, up to twice the sequences of a step, at most 512 (its default sizes).
[[nodiscard]] std::vector<std::int64_t> default_capture_sizes(std::int64_t max_num_seqs,
                                                              std::int64_t max_num_batched_tokens);

}  // namespace lockstep
