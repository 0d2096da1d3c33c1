// The policies that know what an instance has kept of earlier requests: of equal prefixes, or of
// the same session.
#include <algorithm>

#include "serving/router.hpp"

namespace lockstep {

/// For prompts; computed ones go to the least loaded decode instance.
Scheduler& Router::choose_by_prefix(Request& request) {
  Role& role = prefill_;
  std::vector<bool> holders;
  if (!out_of_balance(role.candidates, prefix_routing_)) {
    holders = holders_of_prefix(request, role.candidates, prefix_routing_);
  }
  const bool anybody = std::ranges::find(holders, true) != holders.end();
  Scheduler& chosen = take(role, least_loaded(role, anybody ? &holders : nullptr));
  if (!chosen.kv().prefix_caching()) {
    request.block_hashes.clear();
  }
  return chosen;
}

Scheduler& Router::choose_by_session(Role& role, const Request& request) {
  if (request.source == nullptr || request.source->session < 0) {
    return take(role, least_loaded(role));
  }
  const auto session = static_cast<std::size_t>(request.source->session);
  if (role.homes.size() <= session) {
    role.homes.resize(session + 1, nullptr);
  }
  Scheduler*& home = role.homes[session];
  if (std::ranges::find(role.candidates, home) == role.candidates.end()) {
    home = &take(role, least_loaded(role));
  }
  return *home;
}

}  // namespace lockstep
