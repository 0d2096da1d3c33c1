#include "config/memory_location.hpp"

#include <fmt/format.h>

namespace lockstep {

std::string_view tier_name(MemoryTier tier) {
  switch (tier) {
    case MemoryTier::local:
      return "LOCAL";
    case MemoryTier::remote:
      return "REMOTE";
    case MemoryTier::cxl:
      return "CXL";
    case MemoryTier::storage:
      return "STORAGE";
  }
  return "unknown";
}

std::string to_string(const MemoryLocation& location) {
  std::string text(tier_name(location.tier));
  if (location.device >= 0) {
    text += fmt::format(":{}", location.device);
  }
  if (location.channel >= 0) {
    text += fmt::format(".{}", location.channel);
  }
  return text;
}

}  // namespace lockstep
