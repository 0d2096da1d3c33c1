// How many KV blocks one rank has left, as vLLM sizes its pool: a share of the GPU's memory, less
// weights, the largest step's activations and what the driver, graphs and collectives take.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "model/description/model_description.hpp"
#include "model/description/parallel_split.hpp"

namespace lockstep {

struct ServerMemory {
  Bytes gpu;  ///< all of one GPU
  double utilization = 0.9;
  std::int64_t max_num_batched_tokens = 8192;
  std::int64_t max_num_seqs = 1024;
  std::int64_t block_size = 16;
  bool profile = true;  ///< activations, driver, graphs and collectives take their part
};

struct KvPool {
  Bytes weights;   ///< of a rank
  Bytes reserved;  ///< activations of the largest step (an estimate), driver, graphs, NCCL
  Bytes windows;   ///< set aside for layers that keep a window or a state of each sequence
  Bytes block;     ///< one block of all layers that keep every token
  std::int64_t blocks = 0;
};

/// `blocks` is 0 when weights and activations leave nothing. Layers with a window hold only that
/// much of each sequence: it is set aside for `max_num_seqs` of them, half a pool at most.
[[nodiscard]] KvPool size_kv_pool(const ModelDescription& model, const ParallelSplit& split,
                                  const ServerMemory& memory);

}  // namespace lockstep
