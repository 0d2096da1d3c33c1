#include "model/description/weight_format.hpp"

#include <fmt/format.h>

#include <array>
#include <cstddef>

namespace lockstep {
namespace {

struct Facts {
  std::string_view name;
  std::int64_t bits;
  std::int64_t scale_bytes;
};
constexpr std::array<Facts, 9> kFacts = {{{"float32", 32, 0},
                                          {"float16", 16, 0},
                                          {"bfloat16", 16, 0},
                                          {"int8", 8, 2},
                                          {"fp8", 8, 4},
                                          {"fp8_block", 8, 4},
                                          {"int4", 4, 2},
                                          {"nvfp4", 4, 1},
                                          {"mxfp4", 4, 1}}};

const Facts& facts(WeightType type) {
  return kFacts[static_cast<std::size_t>(type)];
}

}  // namespace

Bytes WeightFormat::bytes(std::int64_t count) const {
  const std::int64_t scales = group > 0 ? (count + group - 1) / group * facts(type).scale_bytes : 0;
  return Bytes{(count * facts(type).bits + 7) / 8 + scales};
}

std::string_view weight_type_name(WeightType type) {
  return facts(type).name;
}

std::optional<WeightType> plain_type_from_name(std::string_view name) {
  if (name == "float32" || name == "float" || name == "fp32") {
    return WeightType::float32;
  }
  if (name == "float16" || name == "half" || name == "fp16") {
    return WeightType::float16;
  }
  if (name == "bfloat16" || name == "bf16") {
    return WeightType::bfloat16;
  }
  return std::nullopt;
}

std::string format_text(const WeightFormat& format) {
  if (format.type == WeightType::fp8_block) {
    return fmt::format("fp8_block (blocks of {})", format.group);
  }
  return format.group > 0
             ? fmt::format("{} (groups of {})", weight_type_name(format.type), format.group)
             : std::string(weight_type_name(format.type));
}

}  // namespace lockstep
