#include "model/description/read_description.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/json_depth.hpp"
#include "base/read_log.hpp"
#include "model/description/config_fields.hpp"
#include "model/description/families.hpp"
#include "model/description/quantisation.hpp"
#include "model/near_models.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr double kMostWeights = 1e15;

Json parse_object(const fs::path& file) {
  ReadLog::note(file, "model");
  std::ifstream stream(file);
  if (!stream) {
    throw UserError("cannot read the model config", Where{file.string(), 0, {}},
                    "check that the file exists and is readable");
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const Json json = json_is_deeper(text) ? Json() : Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    throw UserError(json.is_discarded()
                        ? "the model config is not valid JSON, or a number is too large"
                        : "the model config is not a JSON object",
                    Where{file.string(), 0, {}}, "give the model's Hugging Face config.json");
  }
  return json;
}

const Family* family_of(std::string_view model_type) {
  for (const Family* family : all_families()) {
    if (std::find(family->model_types.begin(), family->model_types.end(), model_type) !=
        family->model_types.end()) {
      return family;
    }
  }
  return nullptr;
}

/// The language part of a config: the whole, or "text_config" with what only the outside says.
struct LanguagePart {
  Json json;
  std::string path;
};

LanguagePart language_part(const Json& json) {
  const auto text = json.find("text_config");
  if (text == json.end() || !text->is_object()) {
    return {json, {}};
  }
  LanguagePart part{*text, "text_config."};
  for (const char* key : {"tie_word_embeddings", "dtype", "torch_dtype", "quantization_config",
                          "compression_config"}) {
    if (!part.json.contains(key) && json.contains(key)) {
      part.json[key] = json[key];
    }
  }
  return part;
}

std::vector<std::string> known_types() {
  std::vector<std::string> types;
  for (const Family* family : all_families()) {
    types.insert(types.end(), family->model_types.begin(), family->model_types.end());
  }
  return types;
}

/// The type of the language part decides; a type that only the outside names is taken then.
std::pair<const Family*, std::string> choose_family(const ConfigFields& outer,
                                                    const ConfigFields& inner) {
  for (const ConfigFields* fields : {&inner, &outer}) {
    if (const auto type = fields->optional_text("model_type")) {
      if (const Family* family = family_of(*type)) {
        return {family, *type};
      }
    }
  }
  const std::string type = outer.text("model_type");
  outer.fail("model_type", fmt::format("the architecture '{}' is not known", type),
             fmt::format("known: {}", fmt::join(known_types(), ", ")));
}

/// vLLM's rule for "auto": the checkpoint's type, bfloat16 when it names none or float32.
WeightType base_type(const ConfigFields& config, const DescriptionOptions& options) {
  if (options.dtype != "auto" && options.dtype != "fp8") {
    const auto type = plain_type_from_name(options.dtype);
    if (!type) {
      throw UserError(fmt::format("the number format '{}' is not known", options.dtype),
                      Where{{}, 0, "--dtype"}, "give auto, float32, float16, bfloat16 or fp8");
    }
    return *type;
  }
  const char* key = config.has("dtype") ? "dtype" : "torch_dtype";
  if (!config.has(key)) {
    return WeightType::bfloat16;
  }
  std::string name = config.text(key);
  if (name.rfind("torch.", 0) == 0) {
    name.erase(0, 6);
  }
  const auto type = plain_type_from_name(name);
  if (!type) {
    config.fail(key, fmt::format("'{}' is {}", key, name), "known: float32, float16, bfloat16");
  }
  return *type == WeightType::float32 ? WeightType::bfloat16 : *type;
}

/// Of a checkpoint whose config.json does not say it itself.
std::optional<fs::path> quantisation_file_beside(const fs::path& file) {
  fs::path named = file;
  named.replace_extension(".quant.json");
  for (const fs::path& beside : {file.parent_path() / "hf_quant_config.json", named}) {
    std::error_code error;
    if (fs::is_regular_file(beside, error)) {
      return beside;
    }
  }
  return std::nullopt;
}

std::optional<Quantisation> quantisation_of(const fs::path& file, const ConfigFields& config,
                                            const DescriptionOptions& options) {
  if (auto own = read_quantisation(config)) {
    return own;
  }
  if (const auto beside = quantisation_file_beside(file)) {
    const Json json = parse_object(*beside);
    return read_quantisation_file(ConfigFields(json, beside->string()));
  }
  if (options.dtype == "fp8") {
    return Quantisation{{WeightType::fp8, 0}, {}, false};
  }
  return std::nullopt;
}

class FormatChooser {
public:
  FormatChooser(const ModuleNames& modules, WeightFormat base,
                const std::optional<Quantisation>& quantisation)
      : modules_(modules), base_(base), quantisation_(quantisation) {}

  [[nodiscard]] LayerFormats of_layer(std::int64_t layer) const {
    const std::string prefix = fmt::format("{}.{}.", modules_.layers, layer);
    const auto attention = [&](std::string_view part) {
      return of(fmt::format("{}{}.{}", prefix, modules_.attention, part));
    };
    return {attention(modules_.attention_in), attention(modules_.attention_out),
            of(fmt::format("{}{}", prefix, modules_.mlp)),
            of(fmt::format("{}{}", prefix, modules_.experts)),
            of(fmt::format("{}{}", prefix, modules_.shared))};
  }

private:
  [[nodiscard]] WeightFormat of(const std::string& module) const {
    return quantisation_ && !quantisation_->keeps(module) ? quantisation_->format : base_;
  }

  ModuleNames modules_;
  WeightFormat base_;
  const std::optional<Quantisation>& quantisation_;
};

/// Formats of parts that the layer does not have must not keep equal layers apart.
void forget_absent(LayerKind& kind, WeightFormat base) {
  if (std::holds_alternative<std::monostate>(kind.mixer)) {
    kind.formats.attention_in = kind.formats.attention_out = base;
  }
  if (!std::holds_alternative<DenseMlp>(kind.feed_forward)) {
    kind.formats.mlp = base;
  }
  const auto* experts = std::get_if<ExpertMlp>(&kind.feed_forward);
  if (experts == nullptr) {
    kind.formats.experts = base;
  }
  if (experts == nullptr || experts->shared_width == 0) {
    kind.formats.shared = base;
  }
}

void group_layers(FamilyReading& reading, const FormatChooser& formats) {
  ModelDescription& model = reading.model;
  for (std::size_t i = 0; i < reading.layers.size(); ++i) {
    LayerKind kind = reading.layers[i];
    kind.formats = formats.of_layer(static_cast<std::int64_t>(i));
    forget_absent(kind, model.base);
    const auto same = std::find_if(model.layers.begin(), model.layers.end(),
                                   [&](const LayerGroup& group) { return group.kind == kind; });
    if (same == model.layers.end()) {
      model.layers.push_back({kind, 1});
    } else {
      ++same->count;
    }
  }
  model.prediction_kind.formats =
      formats.of_layer(static_cast<std::int64_t>(reading.layers.size()));
}

void check_plausible(const ConfigFields& config, const ModelDescription& model) {
  double most = 2.0 * static_cast<double>(model.vocab) * static_cast<double>(model.hidden);
  for (const LayerGroup& group : model.layers) {
    double width = 0;
    if (const auto* heads = std::get_if<HeadAttention>(&group.kind.mixer)) {
      width += 2.0 * static_cast<double>(heads->heads + heads->kv_heads) *
               static_cast<double>(heads->head_dim);
    }
    if (const auto* mlp = std::get_if<DenseMlp>(&group.kind.feed_forward)) {
      width += 3.0 * static_cast<double>(mlp->width);
    } else if (const auto* experts = std::get_if<ExpertMlp>(&group.kind.feed_forward)) {
      width += 3.0 * static_cast<double>(experts->width) * static_cast<double>(experts->experts);
    }
    most += static_cast<double>(group.count) * width * static_cast<double>(model.hidden);
  }
  if (most > kMostWeights) {
    config.fail("hidden_size", "the model would have more than 10^15 weights",
                "check the dimensions");
  }
}

bool eight_bit_cache(const DescriptionOptions& options,
                     const std::optional<Quantisation>& quantisation) {
  const std::string& name = options.kv_cache_dtype;
  if (name == "auto") {
    return quantisation && quantisation->fp8_cache;
  }
  if (name.rfind("fp8", 0) == 0) {
    return true;
  }
  if (!plain_type_from_name(name)) {
    throw UserError(fmt::format("the KV cache format '{}' is not known", name),
                    Where{{}, 0, "--kv-cache-dtype"}, "give auto, bfloat16, float16 or fp8");
  }
  return false;
}

}  // namespace

ModelDescription read_description(const fs::path& file, std::string name,
                                  const DescriptionOptions& options) {
  const Json json = parse_object(file);
  const LanguagePart part = language_part(json);
  const ConfigFields outer(json, file.string());
  const ConfigFields inner(part.json, file.string(), part.path);
  const auto [family, model_type] = choose_family(outer, inner);
  constexpr std::int64_t kMostLayers = 100'000;
  (void)inner.integer("num_hidden_layers", 1, kMostLayers);
  FamilyReading reading = family->read(inner, model_type);
  ModelDescription& model = reading.model;
  model.name = std::move(name);
  model.model_type = model_type;
  model.family = family->name;
  model.base = {base_type(inner, options), 0};
  const auto quantisation = quantisation_of(file, inner, options);
  model.fp8_cache = eight_bit_cache(options, quantisation);
  group_layers(reading, FormatChooser(reading.modules, model.base, quantisation));
  check_plausible(inner, model);
  return std::move(reading.model);
}

CheckpointKind checkpoint_kind(const fs::path& file) {
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const Json json = json_is_deeper(text) ? Json() : Json::parse(text, nullptr, false);
  CheckpointKind kind;
  if (!json.is_object()) {
    return kind;
  }
  const LanguagePart part = language_part(json);
  for (const Json* fields : {&part.json, &json}) {
    const auto type = fields->find("model_type");
    if (kind.model_type.empty() && type != fields->end() && type->is_string() &&
        family_of(type->get<std::string>()) != nullptr) {
      kind.model_type = type->get<std::string>();
    }
  }
  const auto says = [&](const char* key) {
    const auto field = part.json.find(key);
    return field != part.json.end() && !field->is_null();
  };
  kind.quantised = says("quantization_config") || says("compression_config") ||
                   quantisation_file_beside(file).has_value();
  return kind;
}

fs::path find_config_file(const std::vector<fs::path>& dirs, const std::string& model) {
  std::error_code error;
  if (fs::is_regular_file(model, error)) {
    return model;
  }
  std::vector<std::string> places = {model, (fs::path(model) / "config.json").string()};
  if (fs::is_regular_file(places.back(), error)) {
    return places.back();
  }
  for (const fs::path& dir : dirs) {
    fs::path file = dir / (model + ".json");
    if (fs::is_regular_file(file, error)) {
      return file;
    }
    places.push_back(file.string());
  }
  throw UserError(
      fmt::format("no config for model '{}'; looked at {}", model, fmt::join(places, ", ")),
      Where{},
      mend_for_model(dirs, model,
                     "give the path of the model's Hugging Face config.json, or put it there"));
}

ModelDescription find_description(const std::vector<fs::path>& dirs, const std::string& model,
                                  const DescriptionOptions& options) {
  return read_description(find_config_file(dirs, model), model, options);
}

std::vector<ListedFamily> list_families() {
  std::vector<ListedFamily> families;
  for (const Family* family : all_families()) {
    families.push_back(
        {std::string(family->name), {family->model_types.begin(), family->model_types.end()}});
  }
  return families;
}

}  // namespace lockstep
