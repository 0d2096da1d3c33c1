// Kinds of collective operations and their names in traces.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lockstep {

enum class CollectiveKind : std::uint8_t {
  none,
  all_reduce,
  all_gather,
  all_to_all,
  reduce_scatter
};

/// "NONE", "ALLREDUCE", "ALLGATHER", "ALLTOALL", "REDUCESCATTER".
[[nodiscard]] std::string_view collective_name(CollectiveKind kind);
[[nodiscard]] std::optional<CollectiveKind> collective_from_name(std::string_view name);

}  // namespace lockstep
