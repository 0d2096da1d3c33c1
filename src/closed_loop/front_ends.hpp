// The processes between clients and engines: each takes requests (HTTP, tokenising) and passes
// tokens on, one piece of work after the other.
#pragma once

#include <cstddef>
#include <vector>

#include "base/units.hpp"
#include "config/host_costs.hpp"

namespace lockstep {

class FrontEnds {
public:
  FrontEnds(const HostCosts& host, std::size_t count) : host_(host), free_(count) {}

  /// A request that comes at `now` is with an engine then. It goes to the process that is free
  /// first.
  Nanos take(Nanos now, std::int64_t prompt_tokens);
  /// How long a token of a step that ends at `now` waits in them, on average: a process that takes
  /// a request passes nothing on meanwhile.
  [[nodiscard]] Nanos wait(Nanos now) const;

private:
  const HostCosts& host_;
  std::vector<Nanos> free_;  ///< when each has done what it has
};

}  // namespace lockstep
