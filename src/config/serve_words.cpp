// A serve command from its arguments, and what the engine takes for those that it was not given.
#include <fmt/format.h>

#include <algorithm>

#include "config/serve_arguments.hpp"

namespace lockstep {

std::vector<std::string> serve_words(const ServeArguments& arguments) {
  std::vector<std::string> words{"vllm", "serve", arguments.model};
  const auto add = [&](std::string name, const auto& value) {
    words.push_back(std::move(name));
    words.push_back(fmt::format("{}", value));
  };
  const auto add_degree = [&](std::string name, std::int64_t degree) {
    if (degree > 1) {
      add(std::move(name), degree);
    }
  };
  const auto add_known = [&](std::string name, const auto& value) {
    if (value) {
      add(std::move(name), *value);
    }
  };
  const auto add_switch = [&](std::string_view name, const std::optional<bool>& on) {
    if (on) {
      words.push_back(fmt::format("--{}{}", *on ? "" : "no-", name));
    }
  };
  add_degree("--tensor-parallel-size", arguments.tp);
  add_degree("--pipeline-parallel-size", arguments.pp);
  add_degree("--data-parallel-size", arguments.dp);
  if (arguments.expert_parallel) {
    words.emplace_back("--enable-expert-parallel");
  }
  add_known("--max-num-seqs", arguments.max_num_seqs);
  add_known("--max-num-batched-tokens", arguments.max_num_batched_tokens);
  add_known("--long-prefill-token-threshold", arguments.long_prefill_token_threshold);
  add_known("--block-size", arguments.block_size);
  add_known("--num-gpu-blocks-override", arguments.num_gpu_blocks);
  add_known("--max-model-len", arguments.max_model_len);
  add_known("--gpu-memory-utilization", arguments.gpu_memory_utilization);
  add_known("--dtype", arguments.dtype);
  add_known("--kv-cache-dtype", arguments.kv_cache_dtype);
  add_known("--quantization", arguments.quantization);
  add_known("--scheduling-policy", arguments.scheduling_policy);
  if (arguments.lora) {
    words.emplace_back("--enable-lora");
    add_known("--max-loras", arguments.max_loras);
    add_known("--max-lora-rank", arguments.max_lora_rank);
  }
  add_switch("enable-chunked-prefill", arguments.chunked_prefill);
  add_switch("enable-prefix-caching", arguments.prefix_caching);
  return words;
}

void take_server_defaults(ServeArguments& arguments, std::string_view gpu, double memory_gib) {
  if (gpu.starts_with("TPU") || gpu.starts_with("Gaudi")) {
    return;  // other builds of the engine have limits of their own
  }
  constexpr double kLargeGib = 70;
  const bool large = memory_gib >= kLargeGib && !gpu.starts_with("A100");
  const auto take = [&](const char* name, std::optional<std::int64_t>& value, std::int64_t number) {
    if (!value) {
      value = number;
      arguments.assumed.push_back(number > 0 ? fmt::format("{} {}", name, number)
                                             : fmt::format("{} of the model's context", name));
    }
  };
  take("--max-num-seqs", arguments.max_num_seqs, large ? 1024 : 256);
  std::int64_t tokens = large ? 8192 : 2048;
  if (arguments.chunked_prefill == false) {
    // A prompt must fit into one step; 0 is the model's own context.
    tokens = arguments.max_model_len ? std::max(tokens, *arguments.max_model_len) : 0;
  }
  take("--max-num-batched-tokens", arguments.max_num_batched_tokens, tokens);
}

}  // namespace lockstep
