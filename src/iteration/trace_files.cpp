#include "iteration/trace_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "base/inside.hpp"
#include "iteration/chakra.hpp"
#include "iteration/graph_builder.hpp"

namespace lockstep {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(std::string what, const fs::path& file, std::string mend) {
  throw UserError(std::move(what), {file.string(), 0, {}}, std::move(mend));
}

void write_whole(const fs::path& file, std::string_view bytes) {
  AtomicFile out(file);
  out.write(bytes);
  out.commit();
}

std::string read_whole(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in.is_open() || in.bad()) {
    fail("the file cannot be read", file, "name a folder of .et files or a trace's text");
  }
  return bytes;
}

/// The NPU in <prefix>.<npu>.et; nothing for another name.
std::optional<std::int32_t> npu_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  const std::size_t dot = stem.rfind('.');
  if (file.extension() != ".et" || dot == std::string::npos) {
    return std::nullopt;
  }
  const char* const begin = stem.data() + dot + 1;
  const char* const end = stem.data() + stem.size();
  std::int32_t npu = 0;
  const auto [stop, error] = std::from_chars(begin, end, npu);
  const bool whole = error == std::errc{} && stop == end && npu >= 0;
  return whole ? std::optional(npu) : std::nullopt;
}

/// Of any prefix when `prefix` is empty.
std::map<std::int32_t, fs::path> graph_files(const fs::path& folder, const std::string& prefix) {
  std::map<std::int32_t, fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::optional<std::int32_t> npu = npu_of(entry->path());
    const bool wanted = prefix.empty() || entry->path().stem().stem() == prefix;
    if (npu && wanted && !files.emplace(*npu, entry->path()).second) {
      fail(fmt::format("NPU {} has two graph files", *npu), folder,
           "keep the files of one iteration in a folder");
    }
  }
  if (error) {
    fail("the folder cannot be read: " + error.message(), folder, "check its permissions");
  }
  if (files.empty()) {
    fail(prefix.empty()
             ? "the folder has no graph files"
             : fmt::format("there is no file and no graph file of that name ({})", prefix),
         folder, "graph files are named <prefix>.<npu>.et");
  }
  return files;
}

/// A message without its other end would hold its NPU for ever.
void check_messages(const std::vector<std::shared_ptr<const NpuGraph>>& graphs,
                    const fs::path& folder) {
  std::map<std::tuple<std::int32_t, std::int32_t, std::int32_t, Bytes>, std::int64_t> balance;
  for (const auto& graph : graphs) {
    for (const GraphNode& node : graph->nodes) {
      if (node.kind == NodeKind::send) {
        ++balance[{graph->npu, node.peer, node.tag, node.size}];
      } else if (node.kind == NodeKind::recv) {
        --balance[{node.peer, graph->npu, node.tag, node.size}];
      }
    }
  }
  for (const auto& [message, count] : balance) {
    if (count != 0) {
      const auto& [source, target, tag, size] = message;
      fail(fmt::format("a message from NPU {} to NPU {} (tag {}, {} B) is {}", source, target, tag,
                       size.count(), count > 0 ? "sent but not received" : "awaited but not sent"),
           folder, "give the graph files of all NPUs of the iteration");
    }
  }
}

std::vector<std::shared_ptr<const NpuGraph>> read_folder(const fs::path& folder,
                                                         const std::string& prefix,
                                                         ChakraSchema schema) {
  std::vector<std::shared_ptr<const NpuGraph>> graphs;
  for (const auto& [npu, file] : graph_files(folder, prefix)) {
    graphs.push_back(std::make_shared<const NpuGraph>(
        read_chakra(read_whole(file), npu, file.string(), schema)));
  }
  check_messages(graphs, folder);
  return graphs;
}

std::string iteration_name(const IterationLabel& label) {
  return fmt::format("instance{}_batch{}", label.instance, label.batch);
}

/// A model may be named by the path of its file: no name leads out of where we write.
fs::path model_folder(const IterationLabel& label) {
  return kept_inside(label.hardware) / kept_inside(label.model);
}

}  // namespace

fs::path trace_path(const IterationLabel& label) {
  return fs::path("trace") / model_folder(label) / (iteration_name(label) + ".txt");
}

fs::path graph_folder(const IterationLabel& label) {
  return fs::path("workload") / model_folder(label) / iteration_name(label);
}

fs::path wave_folder(const IterationLabel& first, const std::string& group) {
  return fs::path("workload") / model_folder(first) /
         kept_inside(fmt::format("dp_{}_batch{}", group, first.batch));
}

void write_trace_file(const fs::path& file, const IterationTrace& trace) {
  write_whole(file, to_text(trace));
}

void write_graph_files(const fs::path& folder, const IterationTrace& trace,
                       const GraphContext& context) {
  for (const NpuGraph& graph : build_graphs(trace, context)) {
    write_whole(folder / fmt::format("llm.{}.et", graph.npu),
                write_chakra(graph, chakra_names(graph, trace)));
  }
}

std::vector<std::shared_ptr<const NpuGraph>> read_graphs(const fs::path& place,
                                                         const GraphContext& context,
                                                         ChakraSchema schema) {
  std::error_code error;
  if (fs::is_directory(place, error)) {
    return read_folder(place, "", schema);
  }
  const fs::path parent = place.has_parent_path() ? place.parent_path() : fs::path(".");
  if (!fs::exists(place, error) && fs::is_directory(parent, error)) {
    return read_folder(parent, place.filename().string(), schema);
  }
  const ParsedTrace parsed = parse_trace(read_whole(place), place.string());
  std::vector<std::shared_ptr<NpuGraph>> graphs;
  GraphBuilder().build(parsed.trace, context, graphs);
  return {graphs.begin(), graphs.end()};
}

}  // namespace lockstep
