// Masks over network dimensions.
#include "base/error.hpp"
#include "config/cluster.hpp"

namespace lockstep {

DimMask DimMask::of(const std::vector<bool>& dims) {
  ensure(dims.size() <= 32, "a mask covers at most 32 dimensions");
  DimMask mask;
  mask.count = static_cast<std::uint8_t>(dims.size());
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d]) {
      mask.bits |= 1U << d;
    }
  }
  return mask;
}

std::string to_string(const DimMask& mask) {
  std::string text;
  for (std::size_t d = 0; d < mask.count; ++d) {
    if (d > 0) {
      text += ',';
    }
    text += mask.involves(d) ? '1' : '0';
  }
  return text;
}

}  // namespace lockstep
