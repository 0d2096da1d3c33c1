#include "config/placement.hpp"

#include <algorithm>

namespace lockstep {

MemoryLocation Placement::weights(std::optional<std::int64_t> block, Layer layer) const {
  const auto rule = layers.find(layer);
  if (rule != layers.end()) {
    return rule->second.weights;
  }
  // Not `block && *block >= 0`: compiled, it may look at the number first, which valgrind reports.
  const std::int64_t place = block.value_or(-1);
  if (place >= 0 && place < std::ssize(blocks)) {
    return blocks[static_cast<std::size_t>(place)].weights;
  }
  return default_entry.weights;
}

bool Placement::all_local() const {
  const auto local = [](const PlacementEntry& entry) {
    return entry.weights.tier == MemoryTier::local;
  };
  return local(default_entry) && std::ranges::all_of(blocks, local) &&
         std::ranges::all_of(layers, [&](const auto& rule) { return local(rule.second); });
}

}  // namespace lockstep
