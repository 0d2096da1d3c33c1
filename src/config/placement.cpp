#include "config/placement.hpp"

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

}  // namespace lockstep
