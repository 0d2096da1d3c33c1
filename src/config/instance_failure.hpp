// A failure of an instance that the cluster file asks for.
#pragma once

#include <optional>

#include "base/units.hpp"

namespace lockstep {

/// At `at` all that the instance has is lost: steps, KV, prefix cache. Its requests are at the
/// router again `detected_after` later. After `down_for` it takes requests anew.
struct InstanceFailure {
  Nanos at;
  std::optional<Nanos> down_for;  ///< nothing: for ever
  Nanos detected_after;
};

}  // namespace lockstep
