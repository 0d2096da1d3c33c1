// The processes between clients and engines: each takes requests (HTTP, tokenising) one after the
// other. Tokens on their way back do not wait for them: tokenisers run beside in threads.
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

private:
  const HostCosts& host_;
  std::vector<Nanos> free_;  ///< when each has done what it has
};

}  // namespace lockstep
