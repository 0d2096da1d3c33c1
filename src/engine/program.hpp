// The graphs that one batch hands to the NPUs of its instance.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "iteration/graph.hpp"
#include "iteration/graph_builder.hpp"
#include "perf/kernel_times.hpp"
#include "serving/batch.hpp"

namespace lockstep {

/// What the rows of a step of decodes depend on, attention aside.
struct StepKey {
  std::int64_t tokens = 0, sequences = 0, decodes = 0;
  std::int64_t wave_len = 0, wave_tokens = 0;
  GraphUse graph = GraphUse::none;
  bool dummy = false;
  friend bool operator==(const StepKey&, const StepKey&) = default;
};

/// One graph per NPU of the instance (receivers of a prefill instance included), ascending.
struct Program {
  std::int64_t batch_id = 0;
  std::vector<std::shared_ptr<NpuGraph>> graphs;
  bool known = false;  ///< each graph is one computation, as long as the whole step

  // Of its trace.
  std::int64_t attention_rows = 0;  ///< in all layers
  LookupCounts other_lookups;       ///< of all other rows

  // Where a later step of the same key may take it again (engine/program_reuse).
  bool reusable = false;
  StepKey key;
  Nanos attention;                                   ///< of one layer
  std::vector<GraphBuilder::Place> attention_nodes;  ///< computations that have it in them
};

}  // namespace lockstep
