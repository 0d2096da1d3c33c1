// Graphs as files in the field's execution-trace format: length-prefixed protobuf messages, first
// one of metadata, then one per node. chakra.proto shows the messages.
//
// Durations are nanoseconds, although the format calls their field micros. Sizes are bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "iteration/graph.hpp"
#include "iteration/trace.hpp"

namespace lockstep {

/// Names of a graph's nodes as graph files show them, such as COMP_NODE_embedding_0. `trace` is
/// the one that `graph` was built from.
[[nodiscard]] std::vector<std::string> chakra_names(const NpuGraph& graph,
                                                    const IterationTrace& trace);

/// The bytes of a graph file. `names` has one entry per node or none at all (row numbers then).
[[nodiscard]] std::string write_chakra(const NpuGraph& graph,
                                       std::span<const std::string> names = {});

/// Whose numbers and units a graph file has. Ours knows in-memory compute (code 4, all later kinds
/// one higher); upstream's does not, counts durations in microseconds, and its memory nodes name no
/// level: they are read as accesses of the remote one.
enum class ChakraSchema : std::uint8_t { with_pim, upstream };

/// Reads a graph file for NPU `npu`. Node order becomes id order; rows are not in the file and are
/// left 0. Throws UserError with `file` and the node's id for anything that is not a graph:
/// malformed messages, unknown kinds, missing or excessive amounts, repeated ids, unknown parents,
/// circles. Memory stays proportional to `bytes`.
[[nodiscard]] NpuGraph read_chakra(std::string_view bytes, std::int32_t npu,
                                   const std::string& file,
                                   ChakraSchema schema = ChakraSchema::with_pim);

}  // namespace lockstep
