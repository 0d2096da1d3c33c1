// The CPU of a node that several busy instances share: each wants the same part of it, and together
// they cannot use more than there is.
#pragma once

#include <vector>

#include "base/units.hpp"

namespace lockstep {

class SharedCpu {
public:
  /// `wanted`: the part of the CPU that one busy instance uses. `available`: the most that all may
  /// use together. Both 0 to 1.
  SharedCpu(double wanted, double available) : wanted_(wanted), available_(available) {}

  /// One more busy instance from `begin` to `end`. Returns by how much it raises the use of the
  /// CPU: seconds of the whole CPU. `begin` never decreases from call to call.
  double add(Nanos begin, Nanos end);

private:
  struct Busy {
    Nanos begin, end;
  };
  double wanted_;
  double available_;
  std::vector<Busy> busy_;  ///< those that have not ended at the last `begin`
};

}  // namespace lockstep
