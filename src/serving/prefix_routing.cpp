#include "serving/prefix_routing.hpp"

#include <algorithm>

namespace lockstep {

PrefixRouting PrefixRouting::of(const RunOptions& options) {
  return {options.cache_threshold, options.balance_abs_threshold, options.balance_rel_threshold};
}

bool out_of_balance(std::span<Scheduler* const> candidates, const PrefixRouting& settings) {
  const auto requests = [](const Scheduler* scheduler) {
    return static_cast<std::int64_t>(scheduler->num_waiting() + scheduler->num_running());
  };
  const auto [idlest, busiest] = std::ranges::minmax(candidates, {}, requests);
  const std::int64_t least = requests(idlest);
  const std::int64_t most = requests(busiest);
  return most - least > settings.balance_abs_threshold &&
         static_cast<double>(most) > settings.balance_rel_threshold * static_cast<double>(least);
}

std::vector<bool> holders_of_prefix(Request& request, std::span<Scheduler* const> candidates,
                                    const PrefixRouting& settings) {
  std::vector<std::int64_t> cached;
  std::int64_t block_size = 0;  // of the hashes; instances may differ
  bool differ = false;
  for (const Scheduler* candidate : candidates) {
    const KVCacheManager& kv = candidate->kv();
    if (kv.prefix_caching() && kv.layout().block_size != block_size) {
      differ = differ || block_size != 0;
      block_size = kv.layout().block_size;
      request.hashed = false;
      kv.prepare(request);
    }
    cached.push_back(kv.cached_tokens(request));
  }
  request.hashed = block_size != 0 && !differ;  // else whoever gets it hashes it for itself
  const std::int64_t longest = std::ranges::max(cached);
  const bool enough =
      static_cast<double>(longest) > settings.cache_threshold * static_cast<double>(request.input);
  std::vector<bool> holders;
  for (const std::int64_t tokens : cached) {
    holders.push_back(enough && tokens == longest);
  }
  return holders;
}

}  // namespace lockstep
