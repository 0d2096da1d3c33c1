// Iterations on disk: the text of a trace, and one graph file per NPU, under the names that the
// field's tools look for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "iteration/chakra.hpp"
#include "iteration/graph.hpp"
#include "iteration/trace.hpp"

namespace lockstep {

/// What the files of an iteration are named after.
struct IterationLabel {
  std::string hardware;
  std::string model;  ///< may contain a slash
  std::int32_t instance = 0;
  std::int64_t batch = 0;
};

/// trace/<hardware>/<model>/instance<i>_batch<b>.txt
[[nodiscard]] std::filesystem::path trace_path(const IterationLabel& label);
/// workload/<hardware>/<model>/instance<i>_batch<b>
[[nodiscard]] std::filesystem::path graph_folder(const IterationLabel& label);
/// workload/<hardware>/<model>/dp_<group>_batch<b>: all members of a wave; `first` is the label of
/// the group's first member.
[[nodiscard]] std::filesystem::path wave_folder(const IterationLabel& first,
                                                const std::string& group);

/// Writes the text form, folders included. Throws UserError when the file cannot be written; a
/// file is complete or not there.
void write_trace_file(const std::filesystem::path& file, const IterationTrace& trace);
/// Writes llm.<npu>.et for every graph of the trace. Errors as above and as build_graphs.
void write_graph_files(const std::filesystem::path& folder, const IterationTrace& trace,
                       const GraphContext& context);

/// Graphs ready to run, ascending by NPU: from a folder of <prefix>.<npu>.et files, from those of
/// one prefix (folder/prefix), or from a trace's text, which `context` then deals out to NPUs.
/// Throws UserError for an unreadable or malformed file, a folder without graph files or with two
/// of one NPU, and for a message that has no counterpart.
[[nodiscard]] std::vector<std::shared_ptr<const NpuGraph>> read_graphs(
    const std::filesystem::path& place, const GraphContext& context,
    ChakraSchema schema = ChakraSchema::with_pim);

}  // namespace lockstep
