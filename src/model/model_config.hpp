// What a model is: the fields of its Hugging Face config.json that the simulator reads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

struct ModelConfig {
  std::string name;        ///< "<owner>/<model>"
  std::string model_type;  ///< picks the architecture; may be empty until a trace is built
  std::optional<std::string> torch_dtype;
  std::int64_t hidden_size = 0;
  std::int64_t num_hidden_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;    ///< num_attention_heads when absent
  std::int64_t head_dim = 0;               ///< hidden_size / num_attention_heads when absent
  std::int64_t intermediate_size = 0;      ///< or ffn_dim
  std::int64_t moe_intermediate_size = 0;  ///< intermediate_size when absent
  std::int64_t vocab_size = 0;
  std::int64_t max_position_embeddings = 0;
  bool has_expert_key = false;   ///< num_local_experts or num_experts is present (memory, degrees)
  std::int64_t num_experts = 0;  ///< num_local_experts if present, else num_experts, else 0
  std::int64_t num_experts_per_tok = 1;
  bool tie_word_embeddings = false;  ///< the output head is the embedding table

  [[nodiscard]] std::int64_t q_dim() const { return num_attention_heads * head_dim; }
  [[nodiscard]] std::int64_t kv_dim() const { return num_key_value_heads * head_dim; }
  /// MoE as the trace sees it: the number of experts is not zero.
  [[nodiscard]] bool has_experts() const { return num_experts != 0; }
};

/// Reads one config.json. Throws UserError naming file and field.
[[nodiscard]] ModelConfig read_model_config(const std::filesystem::path& file, std::string name);

/// Finds `<dir>/<name>.json` in the first of `dirs` that has it and reads it; a name that is the
/// path of a .json file is read as it is.
/// Throws UserError listing the places looked at and near names.
[[nodiscard]] ModelConfig find_model_config(const std::vector<std::filesystem::path>& dirs,
                                            const std::string& name);

}  // namespace lockstep
