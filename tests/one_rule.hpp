// A policy that follows the reference but for one rule.
#pragma once

#include "config/fidelity.hpp"

namespace lockstep::testing {

inline FidelityPolicy mended(bool FidelityPolicy::*rule) {
  FidelityPolicy policy = FidelityPolicy::reference();
  policy.*rule = false;
  return policy;
}

}  // namespace lockstep::testing
