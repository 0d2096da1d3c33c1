#include "model/model_config.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/json_depth.hpp"
#include "base/read_log.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::json;

/// Above this no model is plausible; it also keeps every product of sizes within 64 bits.
constexpr std::int64_t kLargestDimension = std::int64_t{1} << 24;
constexpr std::int64_t kLargestContext = std::int64_t{1} << 40;
constexpr double kMostWeights = 1e15;

Json parse_file(const std::filesystem::path& file) {
  ReadLog::note(file, "model");
  std::ifstream stream(file);
  if (!stream) {
    throw UserError("cannot read the model config", Where{file.string(), 0, {}},
                    "check that the file exists and is readable");
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (json_is_deeper(text)) {
    throw UserError(fmt::format("the model config is nested deeper than {} levels", kDeepestJson),
                    Where{file.string(), 0, {}}, "give the model's Hugging Face config.json");
  }
  try {
    Json json = Json::parse(text);
    if (!json.is_object()) {
      throw UserError("the model config is not a JSON object", Where{file.string(), 0, {}},
                      "give the model's Hugging Face config.json");
    }
    return json;
  } catch (const Json::exception& error) {  // a number may overflow, too
    throw UserError(fmt::format("the model config is not valid JSON: {}", error.what()),
                    Where{file.string(), 0, {}}, "give the model's Hugging Face config.json");
  }
}

/// Reads fields of one file; every failure names the file and the field.
class FieldReader {
public:
  FieldReader(const Json& json, std::string file) : json_(json), file_(std::move(file)) {}

  [[nodiscard]] bool has(const char* key) const { return json_.contains(key); }

  [[nodiscard]] std::int64_t integer(const char* key, std::int64_t smallest = 1,
                                     std::int64_t largest = kLargestDimension) const {
    const auto found = json_.find(key);
    if (found == json_.end()) {
      fail(key, fmt::format("the model config lacks '{}'", key), "add the field");
    }
    const bool fits = found->is_number_integer() &&
                      (!found->is_number_unsigned() ||
                       found->get<std::uint64_t>() <= static_cast<std::uint64_t>(largest));
    const std::int64_t value = fits ? found->get<std::int64_t>() : 0;
    if (!fits || value < smallest || value > largest) {
      fail(key, fmt::format("'{}' is {}", key, found->dump()),
           fmt::format("give a whole number from {} to {}", smallest, largest));
    }
    return value;
  }

  [[nodiscard]] std::int64_t integer_or(const char* key, std::int64_t fallback) const {
    return has(key) ? integer(key) : fallback;
  }

  [[nodiscard]] bool flag(const char* key) const {
    const auto found = json_.find(key);
    return found != json_.end() && found->is_boolean() && found->get<bool>();
  }

  [[nodiscard]] std::optional<std::string> text(const char* key) const {
    const auto found = json_.find(key);
    if (found == json_.end() || found->is_null()) {
      return std::nullopt;
    }
    if (!found->is_string()) {
      fail(key, fmt::format("'{}' is {}", key, found->dump()), "give a text");
    }
    return found->get<std::string>();
  }

  [[noreturn]] void fail(const char* key, std::string what, std::string mend) const {
    throw UserError(std::move(what), Where{file_, 0, key}, std::move(mend));
  }

private:
  const Json& json_;
  std::string file_;
};

void read_experts(const FieldReader& fields, ModelConfig& model) {
  const char* key = fields.has("num_local_experts") ? "num_local_experts" : "num_experts";
  if (fields.has(key)) {
    model.has_expert_key = true;
    model.num_experts = fields.integer(key, 0);
  }
  model.num_experts_per_tok = fields.has("num_experts_per_tok")
                                  ? fields.integer("num_experts_per_tok", 0)
                                  : model.num_experts_per_tok;
}

void check_plausible(const FieldReader& fields, const ModelConfig& m) {
  const auto real = [](std::int64_t value) { return static_cast<double>(value); };
  const double attention = 2.0 * (real(m.num_attention_heads) + real(m.num_key_value_heads)) *
                           real(m.head_dim) * real(m.hidden_size);
  const double mlp =
      3.0 * real(m.hidden_size) *
      (real(m.intermediate_size) + real(m.num_experts) * (real(m.moe_intermediate_size) + 1.0));
  const double total = real(m.num_hidden_layers) * (attention + mlp) +
                       2.0 * real(m.vocab_size) * real(m.hidden_size);
  if (total > kMostWeights) {
    fields.fail("hidden_size", "the model would have more than 10^15 weights",
                "check the dimensions");
  }
}

}  // namespace

ModelConfig read_model_config(const std::filesystem::path& file, std::string name) {
  const Json json = parse_file(file);
  const FieldReader fields(json, file.string());
  ModelConfig model;
  model.name = std::move(name);
  model.model_type = fields.text("model_type").value_or("");
  model.torch_dtype = fields.text("torch_dtype");
  model.hidden_size = fields.integer("hidden_size");
  model.num_hidden_layers = fields.integer("num_hidden_layers");
  model.num_attention_heads = fields.integer("num_attention_heads");
  model.num_key_value_heads = fields.integer_or("num_key_value_heads", model.num_attention_heads);
  model.head_dim = fields.integer_or("head_dim", model.hidden_size / model.num_attention_heads);
  if (model.head_dim < 1) {
    fields.fail("head_dim", "num_attention_heads is larger than hidden_size and head_dim is absent",
                "add head_dim");
  }
  const bool has_ffn_dim_only = !fields.has("intermediate_size") && fields.has("ffn_dim");
  model.intermediate_size = fields.integer(has_ffn_dim_only ? "ffn_dim" : "intermediate_size");
  model.moe_intermediate_size = fields.integer_or("moe_intermediate_size", model.intermediate_size);
  model.vocab_size = fields.integer("vocab_size");
  model.max_position_embeddings = fields.integer("max_position_embeddings", 1, kLargestContext);
  model.tie_word_embeddings = fields.flag("tie_word_embeddings");
  read_experts(fields, model);
  check_plausible(fields, model);
  return model;
}

}  // namespace lockstep
