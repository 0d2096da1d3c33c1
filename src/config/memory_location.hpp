// Where a tensor lives: the NPU's own memory or a slower tier.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lockstep {

enum class MemoryTier : std::uint8_t { local = 1, remote = 2, cxl = 3, storage = 4 };

/// Text form: LOCAL, REMOTE:<device>[.<channel>], CXL[:<device>].
struct MemoryLocation {
  MemoryTier tier = MemoryTier::local;
  std::int32_t device = -1;   ///< -1: not written; read as device 0
  std::int32_t channel = -1;  ///< -1: none

  [[nodiscard]] std::int32_t device_index() const { return device < 0 ? 0 : device; }
  friend bool operator==(const MemoryLocation&, const MemoryLocation&) = default;
};

/// "LOCAL", "REMOTE", "CXL", "STORAGE".
[[nodiscard]] std::string_view tier_name(MemoryTier tier);
[[nodiscard]] std::string to_string(const MemoryLocation& location);

}  // namespace lockstep
