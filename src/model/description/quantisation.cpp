#include "model/description/quantisation.hpp"

#include <fmt/format.h>

#include <regex>
#include <utility>

namespace lockstep {
namespace {

constexpr std::string_view kNotKnown = "this kind of quantisation is not known to the simulator";

void append(std::vector<std::string>& list, std::vector<std::string> more) {
  list.insert(list.end(), std::make_move_iterator(more.begin()),
              std::make_move_iterator(more.end()));
}

/// The method "fp8": per tensor, or in blocks.
WeightFormat fp8_format(const ConfigFields& q) {
  const auto block = q.integers("weight_block_size");
  if (block.empty()) {
    return {WeightType::fp8, 0};
  }
  if (block.size() != 2 || block[0] < 1 || block[1] < 1) {
    q.fail("weight_block_size", "a block has two sizes", "give for instance [128, 128]");
  }
  return {WeightType::fp8_block, block[0] * block[1]};
}

/// NVIDIA's model optimizer names its formats.
WeightFormat optimizer_format(const ConfigFields& q) {
  const std::string name = q.text("quant_algo");
  if (name == "FP8") {
    return {WeightType::fp8, 0};
  }
  if (name == "FP8_PB_WO" || name == "FP8_PER_BLOCK") {
    return {WeightType::fp8_block, std::int64_t{128} * 128};
  }
  if (name == "NVFP4") {
    return {WeightType::nvfp4, 16};
  }
  q.fail("quant_algo", fmt::format("'quant_algo' is {}", name), std::string(kNotKnown));
}

/// Weights of `bits` bits alone, as GPTQ and AWQ store them.
WeightFormat integer_format(const ConfigFields& q, std::string_view bits_key) {
  const std::int64_t group = q.has("group_size") ? q.integer("group_size", -1) : 0;
  const std::int64_t bits = q.integer(bits_key);
  if (bits == 4) {
    return {WeightType::int4, group > 0 ? group : 0};
  }
  if (bits == 8) {
    return {WeightType::int8, group > 0 ? group : 0};
  }
  q.fail(bits_key, fmt::format("'{}' is {}", bits_key, bits), std::string(kNotKnown));
}

WeightFormat group_format(const ConfigFields& weights) {
  const std::string type = weights.text("type");
  if (type == "int") {
    return integer_format(weights, "num_bits");
  }
  const std::int64_t bits = weights.integer("num_bits");
  if (type == "float" && bits == 8) {
    if (weights.has("block_structure")) {
      const auto block = weights.integers("block_structure");
      if (block.size() == 2) {
        return {WeightType::fp8_block, block[0] * block[1]};
      }
    }
    return {WeightType::fp8, 0};
  }
  if (type == "float" && bits == 4) {
    const std::int64_t group = weights.integer("group_size");
    return {group == 32 ? WeightType::mxfp4 : WeightType::nvfp4, group};
  }
  weights.fail("num_bits", fmt::format("{} {} bits", type, bits), std::string(kNotKnown));
}

/// compressed-tensors: groups of modules, each with its format; all must agree.
WeightFormat grouped_format(const ConfigFields& q) {
  const ConfigFields groups = q.object("config_groups");
  std::optional<WeightFormat> format;
  for (const auto& [name, unused] : groups.json().items()) {
    const WeightFormat own = group_format(groups.object(name).object("weights"));
    if (format && *format != own) {
      q.fail("config_groups", "groups of modules differ in format", std::string(kNotKnown));
    }
    format = own;
  }
  if (!format) {
    q.fail("config_groups", "'config_groups' is empty", "add the group that is quantised");
  }
  return *format;
}

bool eight_bit_cache(const ConfigFields& q) {
  if (q.has("kv_cache_scheme")) {
    const ConfigFields scheme = q.object("kv_cache_scheme");
    return scheme.integer("num_bits") == 8;
  }
  return q.optional_text("kv_cache_quant_algo").value_or("") == "FP8";
}

std::string glob_to_regex(std::string_view glob) {
  std::string result;
  for (const char c : glob) {
    if (c == '*') {
      result += ".*";
    } else if (std::string_view(R"(.[]{}()\+?^$|)").find(c) != std::string_view::npos) {
      result += '\\';
      result += c;
    } else {
      result += c;
    }
  }
  return result;
}

/// `name` is `module`, or whole segments of its path.
bool contains_segments(std::string_view module, std::string_view name) {
  for (std::size_t at = module.find(name); at != std::string_view::npos;
       at = module.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    if ((at == 0 || module[at - 1] == '.') && (end == module.size() || module[end] == '.')) {
      return true;
    }
  }
  return false;
}

/// Modules are named as in the language model alone; lists of vision models name the way to it.
std::string without_outer_model(std::string pattern) {
  constexpr std::string_view kOuter = "language_model.";
  const std::size_t at = pattern.find(kOuter);
  return at == std::string::npos ? pattern : pattern.erase(at, kOuter.size());
}

/// Matched state by state: the usual way takes exponential time for some expressions, and the
/// whole stack for others. Throws std::regex_error for what is none.
std::regex expression(const std::string& pattern) {
  constexpr std::size_t kLongest = 1000;
  if (pattern.size() > kLongest) {
    throw std::regex_error(std::regex_constants::error_complexity);
  }
  return std::regex(pattern, std::regex::ECMAScript | std::regex_constants::__polynomial);
}

bool is_expression(const std::string& pattern) {
  return pattern.rfind("re:", 0) == 0;
}

std::regex expression_for_glob(const std::string& pattern) {
  return expression("(.*\\.)?" + glob_to_regex(pattern) + "(\\..*)?");
}

bool names(const std::string& listed, std::string_view module) {
  const std::string pattern = without_outer_model(listed);
  if (is_expression(pattern)) {
    return std::regex_search(module.begin(), module.end(), expression(pattern.substr(3)));
  }
  if (pattern.find('*') == std::string::npos) {
    return !pattern.empty() && contains_segments(module, pattern);
  }
  return std::regex_match(module.begin(), module.end(), expression_for_glob(pattern));
}

/// A list of modules, every entry of which can be followed.
std::vector<std::string> modules_in(const ConfigFields& q, const char* key) {
  std::vector<std::string> listed = q.texts(key);
  for (const std::string& entry : listed) {
    const std::string pattern = without_outer_model(entry);
    try {
      if (is_expression(pattern)) {
        static_cast<void>(expression(pattern.substr(3)));
      } else if (pattern.find('*') != std::string::npos) {
        static_cast<void>(expression_for_glob(pattern));
      }
    } catch (const std::regex_error&) {
      q.fail(key, fmt::format("'{}' cannot be followed", entry.substr(0, 100)),
             "give a module's name, a name with '*', or 're:' and a regular expression of at most "
             "1000 characters without references back");
    }
  }
  return listed;
}

}  // namespace

bool Quantisation::keeps(std::string_view module) const {
  for (const std::string& pattern : kept) {
    if (names(pattern, module)) {
      return true;
    }
  }
  return false;
}

std::optional<Quantisation> read_quantisation(const ConfigFields& config) {
  const char* key =
      config.has("quantization_config") ? "quantization_config" : "compression_config";
  if (!config.has(key)) {
    return std::nullopt;
  }
  const ConfigFields q = config.object(key);
  const std::string method = q.text("quant_method");
  Quantisation result;
  if (method == "fp8") {
    result.format = fp8_format(q);
  } else if (method == "fbgemm_fp8") {
    result.format = {WeightType::fp8, 0};
  } else if (method == "modelopt" || method == "modelopt_fp4") {
    result.format = optimizer_format(q);
  } else if (method == "compressed-tensors") {
    result.format = grouped_format(q);
  } else if (method == "mxfp4") {
    result.format = {WeightType::mxfp4, 32};
  } else if (method == "gptq" || method == "gptq_marlin" || method == "awq" ||
             method == "awq_marlin") {
    result.format = integer_format(q, q.has("bits") ? "bits" : "w_bit");
  } else {
    q.fail("quant_method", fmt::format("'quant_method' is {}", method), std::string(kNotKnown));
  }
  for (const char* list :
       {"modules_to_not_convert", "ignored_layers", "ignore", "exclude_modules"}) {
    append(result.kept, modules_in(q, list));
  }
  result.fp8_cache = eight_bit_cache(q);
  return result;
}

Quantisation read_quantisation_file(const ConfigFields& file) {
  const ConfigFields q = file.object("quantization");
  return {optimizer_format(q), modules_in(q, "exclude_modules"), eight_bit_cache(q)};
}

}  // namespace lockstep
