#include "perf/operations/operations.hpp"

#include <array>

namespace lockstep {

std::string_view precision_name(Precision precision) {
  static constexpr std::array<std::string_view, kPrecisionCount> kNames = {
      "bfloat16", "fp8", "fp8_block", "nvfp4", "int4", "mxfp4", "mxfp4_fp8"};
  return kNames[static_cast<std::size_t>(precision)];
}

}  // namespace lockstep
