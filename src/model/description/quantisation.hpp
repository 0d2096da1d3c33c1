// Which weights of a checkpoint are quantised, and how: the quantization_config of a config.json,
// or the hf_quant_config.json that lies beside it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/description/config_fields.hpp"
#include "model/description/weight_format.hpp"

namespace lockstep {

struct Quantisation {
  WeightFormat format;
  /// Modules that stay in the base type: names, names with `*`, or `re:` and a regular expression.
  std::vector<std::string> kept;
  bool fp8_cache = false;

  /// Whether the module (its full name, as "model.layers.3.self_attn.q_proj") is kept: it or a
  /// module that contains it is named.
  [[nodiscard]] bool keeps(std::string_view module) const;
};

/// Of "quantization_config" (or "compression_config") in `config`; nothing when it has none.
/// Throws UserError naming the field for a method that is not known.
[[nodiscard]] std::optional<Quantisation> read_quantisation(const ConfigFields& config);
/// Of an hf_quant_config.json.
[[nodiscard]] Quantisation read_quantisation_file(const ConfigFields& file);

}  // namespace lockstep
