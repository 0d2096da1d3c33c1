// A `vllm serve` command as people have it in scripts, Compose files and manifests: what of it
// changes timing or capacity, and what does not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

struct ServeArguments {
  std::string model;
  std::int64_t tp = 1, pp = 1, dp = 1;
  bool expert_parallel = false;
  bool lora = false;
  std::optional<std::int64_t> max_num_seqs, max_num_batched_tokens, block_size,
      long_prefill_token_threshold, max_model_len, num_gpu_blocks, max_loras, max_lora_rank;
  std::optional<double> gpu_memory_utilization;
  std::optional<std::string> dtype, kv_cache_dtype, quantization, scheduling_policy;
  std::optional<bool> chunked_prefill, prefix_caching;
  std::vector<std::string> ignored;  ///< flags with their values that change no time and no memory
  std::vector<std::string> notes;    ///< flags that would change something and cannot be followed
  std::vector<std::string> assumed;  ///< limits that the command leaves to the engine's defaults
};

/// Splits as a shell does: quotes, backslashes, line ends after a backslash, comments.
/// Throws UserError for a quote without its end.
[[nodiscard]] std::vector<std::string> shell_words(std::string_view command);

/// From the words of a command. What stands before `vllm serve`, `api_server` or the first flag
/// (docker run ..., environment) is skipped. Throws UserError where there is no model, and for
/// values that are no numbers.
[[nodiscard]] ServeArguments serve_arguments(const std::vector<std::string>& words);

/// Fills in the limits of a step that vLLM 0.19 (the engine that is modelled) takes for a server on
/// such a GPU where its command has none: they depend on the GPU's memory.
void take_server_defaults(ServeArguments& arguments, std::string_view gpu, double memory_gib);

/// The command that a server with these arguments is started with, one flag a word pair.
[[nodiscard]] std::vector<std::string> serve_words(const ServeArguments& arguments);

}  // namespace lockstep
