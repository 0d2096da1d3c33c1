// The prefix cache below the NPUs: a block pool in CPU or CXL memory whose blocks are chunks of
// several NPU blocks, of all ranks together. Nobody ever refers to its blocks, so it drops the
// chunk written longest ago when it is full.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "serving/block_pool.hpp"
#include "serving/prefix_stats.hpp"

namespace lockstep {

/// Tokens per chunk: the largest multiple of `block_size` up to 256, or the block size itself.
[[nodiscard]] std::int64_t prefix_chunk_tokens(std::int64_t block_size);

struct PrefixPool {
  PrefixPool(PrefixStorage medium, bool shared_by_many, std::int64_t tokens_per_chunk,
             std::int64_t num_chunks, Bytes bytes_per_chunk)
      : storage(medium),
        shared(shared_by_many),
        chunk_tokens(tokens_per_chunk),
        blocks(num_chunks, bytes_per_chunk, true) {}

  PrefixStorage storage;
  bool shared;                ///< several instances may use it
  std::int64_t chunk_tokens;  ///< a multiple of the block size of its instances
  BlockPool blocks;           ///< one block a chunk
  PrefixStats stats;
};

/// The lower tier of every instance, by id; null: it has none. An instance has one when it caches
/// prefixes and a storage is given: its own (of the full memory size, or of its part of it, as the
/// policy says), or with prefix sharing one per node (CPU) or one for all (CXL). Sharing without
/// storage is no sharing and adds a warning.
/// Throws UserError for a memory smaller than one chunk and for instances that cannot share.
[[nodiscard]] std::vector<std::shared_ptr<PrefixPool>> make_prefix_pools(
    const Cluster& cluster, const RunOptions& options, std::vector<std::string>& warnings,
    const FidelityPolicy& policy = FidelityPolicy::reference());

}  // namespace lockstep
