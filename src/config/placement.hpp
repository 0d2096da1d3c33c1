// Which memory holds the weights of which layer of which block.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "config/memory_location.hpp"
#include "model/layer.hpp"

namespace lockstep {

struct PlacementEntry {
  MemoryLocation weights;
  MemoryLocation kv_loc;
  MemoryLocation kv_evict_loc{MemoryTier::remote, 0};
};

/// Look-up order: a rule for the layer, then the block's entry, then the default.
struct Placement {
  PlacementEntry default_entry;
  std::vector<PlacementEntry> blocks;  ///< empty, or one entry a block ("block mode")
  std::map<Layer, PlacementEntry> layers;

  [[nodiscard]] bool block_mode() const { return !blocks.empty(); }
  /// No weights lie off the NPU.
  [[nodiscard]] bool all_local() const;
  [[nodiscard]] MemoryLocation weights(std::optional<std::int64_t> block, Layer layer) const;
};

}  // namespace lockstep
