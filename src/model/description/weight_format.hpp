// How weights are stored: number type and scales. A checkpoint uses several at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.hpp"

namespace lockstep {

enum class WeightType : std::uint8_t {
  float32,
  float16,
  bfloat16,
  int8,
  fp8,        ///< one scale a tensor or channel
  fp8_block,  ///< a float32 scale a block of `group` weights (128 x 128: 16384)
  int4,       ///< weights only; a 16-bit scale for `group` weights
  nvfp4,      ///< an 8-bit scale for `group` (16) weights
  mxfp4,      ///< an 8-bit scale for `group` (32) weights
};

struct WeightFormat {
  WeightType type = WeightType::bfloat16;
  std::int64_t group = 0;  ///< weights that share a scale; 0: scales are too few to count

  /// Of `count` weights, scales included.
  [[nodiscard]] Bytes bytes(std::int64_t count) const;
  friend bool operator==(const WeightFormat&, const WeightFormat&) = default;
};

/// "bfloat16", "fp8_block", ...
[[nodiscard]] std::string_view weight_type_name(WeightType type);
/// The unscaled formats only: "float32", "float16", "bfloat16" and their short names.
[[nodiscard]] std::optional<WeightType> plain_type_from_name(std::string_view name);
/// "nvfp4 (groups of 16)".
[[nodiscard]] std::string format_text(const WeightFormat& format);

}  // namespace lockstep
