#include "network/collective.hpp"

#include <array>
#include <cstddef>

namespace lockstep {
namespace {
constexpr std::array<std::string_view, 5> kNames = {"NONE", "ALLREDUCE", "ALLGATHER", "ALLTOALL",
                                                    "REDUCESCATTER"};
}  // namespace

std::string_view collective_name(CollectiveKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<CollectiveKind> collective_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      return static_cast<CollectiveKind>(i);
    }
  }
  return std::nullopt;
}

}  // namespace lockstep
