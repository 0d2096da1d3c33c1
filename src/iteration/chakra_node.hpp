// One node message as a graph node.
#pragma once

#include <cstdint>
#include <string>

#include "iteration/chakra.hpp"
#include "iteration/graph.hpp"

namespace lockstep::chakra {

class Node;

/// Throws UserError with `file` and the node's id for an unknown kind, or an attribute that is
/// missing or out of range.
[[nodiscard]] GraphNode to_graph_node(const Node& message, std::int32_t npu,
                                      const std::string& file, ChakraSchema schema);

}  // namespace lockstep::chakra
