#include "config/placement.hpp"

#include <algorithm>

namespace lockstep {

MemoryLocation Placement::weights(std::optional<std::int64_t> block, Layer layer) const {
  const auto rule = layers.find(layer);
  if (rule != layers.end()) {
    return rule->second.weights;
  }
  if (block && *block >= 0 && static_cast<std::size_t>(*block) < blocks.size()) {
    return blocks[static_cast<std::size_t>(*block)].weights;
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
