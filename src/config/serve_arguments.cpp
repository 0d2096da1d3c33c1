#include "config/serve_arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

constexpr const char* kMend = "give a command such as 'vllm serve MODEL --tensor-parallel-size 2'";

/// Flags without a value that change nothing here.
constexpr std::array<std::string_view, 16> kIgnoredSwitches{"--trust-remote-code",
                                                            "--enable-auto-tool-choice",
                                                            "--disable-log-requests",
                                                            "--disable-log-stats",
                                                            "--enable-log-requests",
                                                            "--enable-request-id-headers",
                                                            "--disable-uvicorn-access-log",
                                                            "--enable-server-load-tracking",
                                                            "--allow-credentials",
                                                            "--enable-reasoning",
                                                            "--return-tokens-as-token-ids",
                                                            "--headless",
                                                            "--enable-prompt-tokens-details",
                                                            "--disable-frontend-multiprocessing",
                                                            "--no-enable-log-requests",
                                                            "--enable-force-include-usage"};
/// Flags that change times or memory in a way that is not simulated: with a value, and without.
constexpr std::array<std::string_view, 28> kNoted{"--config",
                                                  "--speculative-config",
                                                  "--speculative-model",
                                                  "--num-speculative-tokens",
                                                  "--cpu-offload-gb",
                                                  "--swap-space",
                                                  "--kv-cache-memory-bytes",
                                                  "--kv-offloading-size",
                                                  "--kv-transfer-config",

                                                  "--compilation-config",
                                                  "-O",
                                                  "--optimization-level",
                                                  "--cuda-graph-sizes",
                                                  "--cudagraph-capture-sizes",
                                                  "--max-cudagraph-capture-size",
                                                  "--max-seq-len-to-capture",
                                                  "--attention-backend",
                                                  "--all2all-backend",
                                                  "--decode-context-parallel-size",
                                                  "-dcp",
                                                  "--prefill-context-parallel-size",
                                                  "-pcp",
                                                  "--max-num-partial-prefills",
                                                  "--max-long-partial-prefills",
                                                  "--hf-overrides",
                                                  "--rope-scaling",
                                                  "--eplb-config",
                                                  "--mamba-cache-dtype"};
constexpr std::array<std::string_view, 10> kNotedSwitches{
    "--enforce-eager",          "--enable-dbo",           "--enable-eplb",
    "--async-scheduling",       "--no-async-scheduling",  "--disable-custom-all-reduce",
    "--disable-sliding-window", "--disable-cascade-attn", "--disable-hybrid-kv-cache-manager",
    "--kv-sharing-fast-prefill"};

bool among(std::string_view name, const auto& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// vLLM takes underscores for dashes.
std::string with_dashes(std::string name) {
  std::replace(name.begin() + 2, name.end(), '_', '-');
  return name;
}

class ServeReader {
public:
  explicit ServeReader(const std::vector<std::string>& words) : words_(words) {}

  ServeArguments read() {
    skip_to_arguments();
    while (at_ < words_.size()) {
      if (words_[at_].starts_with("-")) {
        flag();
      } else {
        positional(words_[at_++]);
      }
    }
    if (arguments_.model.empty()) {
      throw UserError("the command names no model", Where{{}, 0, "--from"}, kMend);
    }
    return std::move(arguments_);
  }

private:
  void skip_to_arguments() {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      const std::string& word = words_[i];
      if (word == "serve" || word.ends_with("api_server") ||
          word.find("vllm-openai") != word.npos) {
        at_ = i + 1;
      }
    }
  }

  void positional(const std::string& word) {
    const bool follows_a_switch = !last_switch_.empty();
    if (follows_a_switch) {
      arguments_.ignored.back() += ' ' + word;  // the value of a flag that is not known
      last_switch_.clear();
    } else if (arguments_.model.empty()) {
      arguments_.model = word;
    } else {
      arguments_.ignored.push_back(word);
    }
  }

  void flag() {
    std::string name = words_[at_++];
    value_.reset();
    if (const std::size_t equals = name.find('='); equals != std::string::npos) {
      value_ = name.substr(equals + 1);
      name.resize(equals);
    }
    name = name.starts_with("--") ? with_dashes(name) : name;
    last_switch_.clear();
    if (!known(name)) {
      unknown(name);
    }
  }

  std::string value(const std::string& name) {
    if (!value_) {
      if (at_ >= words_.size()) {
        throw UserError(fmt::format("{} has no value", name), Where{{}, 0, "--from"}, kMend);
      }
      value_ = words_[at_++];
    }
    return *value_;
  }
  std::int64_t integer(const std::string& name) {
    const std::string text = value(name);
    const auto number = whole(text);
    if (!number || *number < 0) {
      throw UserError(fmt::format("{} is '{}', no whole number", name, text),
                      Where{{}, 0, "--from"}, kMend);
    }
    return *number;
  }
  double real(const std::string& name) {
    const std::string text = value(name);
    const auto number = float_from_text(text);
    if (!number) {
      throw UserError(fmt::format("{} is '{}', no number", name, text), Where{{}, 0, "--from"},
                      kMend);
    }
    return *number;
  }
  /// vLLM reads 8k as 8000 and 8K as 8192.
  static std::optional<std::int64_t> whole(std::string text) {
    constexpr std::array<std::pair<char, std::int64_t>, 4> kUnits{
        {{'k', 1000}, {'K', 1024}, {'m', 1'000'000}, {'M', 1 << 20}}};
    for (const auto& [letter, factor] : kUnits) {
      if (text.ends_with(letter)) {
        text.pop_back();
        const auto number = float_from_text(text);
        return number
                   ? std::optional(static_cast<std::int64_t>(*number * static_cast<double>(factor)))
                   : std::nullopt;
      }
    }
    return int_from_text(text);
  }

  bool known(const std::string& name) {
    return known_degree(name) || known_limit(name) || known_type(name) || known_switch(name);
  }

  bool known_degree(const std::string& name) {
    if (name == "--tensor-parallel-size" || name == "-tp") {
      arguments_.tp = std::max<std::int64_t>(1, integer(name));
    } else if (name == "--pipeline-parallel-size" || name == "-pp") {
      arguments_.pp = std::max<std::int64_t>(1, integer(name));
    } else if (name == "--data-parallel-size" || name == "-dp") {
      arguments_.dp = std::max<std::int64_t>(1, integer(name));
    } else if (name == "--enable-expert-parallel" || name == "-ep") {
      arguments_.expert_parallel = true;
    } else {
      return false;
    }
    return true;
  }

  bool known_limit(const std::string& name) {
    if (name == "--max-num-seqs") {
      arguments_.max_num_seqs = integer(name);
    } else if (name == "--max-num-batched-tokens") {
      arguments_.max_num_batched_tokens = integer(name);
    } else if (name == "--long-prefill-token-threshold") {
      arguments_.long_prefill_token_threshold = integer(name);
    } else if (name == "--block-size") {
      arguments_.block_size = integer(name);
    } else if (name == "--num-gpu-blocks-override") {
      arguments_.num_gpu_blocks = integer(name);
    } else if (name == "--max-loras") {
      arguments_.max_loras = integer(name);
    } else if (name == "--max-lora-rank") {
      arguments_.max_lora_rank = integer(name);
    } else if (name == "--max-model-len") {
      context(name);
    } else if (name == "--gpu-memory-utilization") {
      arguments_.gpu_memory_utilization = real(name);
    } else {
      return false;
    }
    return true;
  }

  /// It bounds what a server takes; here the model's own context does.
  void context(const std::string& name) {
    const std::string text = value(name);
    if (text == "auto" || text == "-1") {
      return;
    }
    value_ = text;
    arguments_.max_model_len = integer(name);
    arguments_.notes.push_back(
        fmt::format("{} {} (longer requests are taken as well; see lockstep check --context {})",
                    name, text, *arguments_.max_model_len));
  }

  bool known_type(const std::string& name) {
    if (name == "--model") {
      arguments_.model = value(name);
    } else if (name == "--dtype") {
      arguments_.dtype = value(name);
    } else if (name == "--kv-cache-dtype") {
      arguments_.kv_cache_dtype = value(name);
    } else if (name == "--scheduling-policy") {
      arguments_.scheduling_policy = value(name);
    } else if (name == "--quantization" || name == "-q") {
      quantization(name);
    } else {
      return false;
    }
    return true;
  }

  /// Weights have whole bytes here; formats of four bits are counted as eight.
  void quantization(const std::string& name) {
    const std::string& kind = arguments_.quantization.emplace(value(name));
    for (const char* four_bits :
         {"awq", "gptq", "mxfp4", "nvfp4", "modelopt_fp4", "bitsandbytes"}) {
      if (kind.find(four_bits) != std::string::npos) {
        arguments_.notes.push_back(
            fmt::format("{} {}: weights of 4 bits count as 8 (see lockstep capacity)", name, kind));
        return;
      }
    }
  }

  bool known_switch(const std::string& name) {
    if (name == "--enable-chunked-prefill" || name == "--no-enable-chunked-prefill") {
      arguments_.chunked_prefill = !name.starts_with("--no-");
    } else if (name == "--enable-prefix-caching" || name == "--no-enable-prefix-caching") {
      arguments_.prefix_caching = !name.starts_with("--no-");
    } else if (name == "--enable-lora" || name == "--no-enable-lora") {
      arguments_.lora = !name.starts_with("--no-");
    } else {
      return false;
    }
    return true;
  }

  void unknown(const std::string& name) {
    std::string text = value_ ? name + '=' + *value_ : name;
    const bool level = name.size() == 3 && name.starts_with("-O");  // -O3
    if (level || among(name, kNoted) || among(name, kNotedSwitches)) {
      if (!value_ && among(name, kNoted) && at_ < words_.size() && !words_[at_].starts_with("-")) {
        text += ' ' + words_[at_++];
      }
      text += name == "--enforce-eager" ? " (lockstep run --max-cudagraph-capture-size 0)" : "";
      arguments_.notes.push_back(std::move(text));
      return;
    }
    arguments_.ignored.push_back(std::move(text));
    if (!value_ && !among(name, kIgnoredSwitches)) {
      last_switch_ = name;  // its value may follow
    }
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
  std::optional<std::string> value_;
  std::string last_switch_;
  ServeArguments arguments_;
};

}  // namespace

ServeArguments serve_arguments(const std::vector<std::string>& words) {
  return ServeReader(words).read();
}

}  // namespace lockstep
