// Finds the loops of a graph whose rows stand for several copies, and spells them out again.
#pragma once

#include <vector>

#include "iteration/graph.hpp"
#include "iteration/graph_rows.hpp"

namespace lockstep {

/// Writes the loops that the nodes of `folded` rows make into `graph`. False, and the graph is not
/// to be used, when one of them is not closed (see GraphLoop).
[[nodiscard]] bool close_loops(const std::vector<TraceRows::Copies>& folded, NpuGraph& graph);

}  // namespace lockstep
