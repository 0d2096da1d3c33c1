#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <vector>

#include "base/error.hpp"
#include "chakra/chakra.pb.h"
#include "iteration/chakra.hpp"
#include "iteration/chakra_node.hpp"
#include "iteration/graph_assembly.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kLargestFile = std::numeric_limits<std::int32_t>::max();
/// No NPU has more work than this in one file, so that clocks cannot overflow.
constexpr std::int64_t kLargestTotal = std::int64_t{1} << 60;

class Reader {
public:
  Reader(std::string_view bytes, std::int32_t npu, const std::string& file, ChakraSchema schema)
      : bytes_(bytes), npu_(npu), file_(file), schema_(schema) {}

  NpuGraph read() {
    read_messages();
    std::sort(nodes_.begin(), nodes_.end(),
              [](const auto& a, const auto& b) { return a.id() < b.id(); });
    check_ids();
    fill_graph();
    check_for_circles();
    return std::move(graph_);
  }

private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(what, {file_, 0, {}}, "give a graph file as the trace converter writes it");
  }

  void read_messages() {
    if (bytes_.size() > kLargestFile) {
      fail("the graph file is larger than 2 GiB");
    }
    google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes_.data()),
                                              static_cast<int>(bytes_.size()));
    chakra::Metadata metadata;
    if (!next(in, metadata)) {
      fail("the graph file is empty");
    }
    for (chakra::Node node; next(in, node); node.Clear()) {
      nodes_.push_back(node);
    }
  }

  /// False at the end of the file.
  bool next(google::protobuf::io::CodedInputStream& in,
            google::protobuf::MessageLite& message) const {
    const int begin = in.CurrentPosition();
    const int left = static_cast<int>(bytes_.size()) - begin;
    if (left == 0) {
      return false;
    }
    std::uint32_t length = 0;
    if (!in.ReadVarint32(&length)) {
      fail(fmt::format("no message length at byte {}", begin));
    }
    const int start = in.CurrentPosition();
    if (length > bytes_.size() - static_cast<std::size_t>(start)) {
      fail(fmt::format("the message at byte {} is {} B long but the file ends before", begin,
                       length));
    }
    if (!message.ParseFromArray(bytes_.data() + start, static_cast<int>(length)) ||
        !in.Skip(static_cast<int>(length))) {
      fail(fmt::format("the message at byte {} is malformed", begin));
    }
    return true;
  }

  void check_ids() const {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (nodes_[i].id() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        fail(fmt::format("node id {} is too large", nodes_[i].id()));
      }
      if (i > 0 && nodes_[i].id() == nodes_[i - 1].id()) {
        fail(fmt::format("node id {} appears twice", nodes_[i].id()));
      }
    }
  }

  void fill_graph() {
    GraphAssembly assembly;
    assembly.begin(graph_, npu_, nodes_.size());
    std::int64_t total = 0;
    for (const chakra::Node& node : nodes_) {
      assembly.add(chakra::to_graph_node(node, npu_, file_, schema_));
      total += graph_.nodes.back().duration.count();
      if (total > kLargestTotal) {
        fail("the durations add up to more than 2^60 ns");
      }
      graph_.ids.push_back(static_cast<std::int64_t>(node.id()));
      for (const auto& parents : {node.data_deps(), node.ctrl_deps()}) {
        for (const std::uint64_t parent : parents) {
          assembly.parent(find(parent, node.id()));
        }
      }
    }
    assembly.finish();
  }

  [[nodiscard]] std::int32_t find(std::uint64_t id, std::uint64_t child) const {
    const auto found = std::lower_bound(
        nodes_.begin(), nodes_.end(), id,
        [](const chakra::Node& node, std::uint64_t key) { return node.id() < key; });
    if (found == nodes_.end() || found->id() != id) {
      fail(fmt::format("node {} depends on node {}, which is not in the file", child, id));
    }
    return static_cast<std::int32_t>(found - nodes_.begin());
  }

  /// Takes off nodes without open parents until none is left; what stays waits for itself.
  void check_for_circles() const {
    std::vector<std::int32_t> open = graph_.num_parents;
    std::vector<std::size_t> ready;
    std::size_t done = 0;
    for (std::size_t node = 0; node < open.size(); ++node) {
      if (open[node] == 0) {
        ready.push_back(node);
      }
    }
    for (; !ready.empty(); ++done) {
      const std::size_t node = ready.back();
      ready.pop_back();
      for (const std::int32_t child : graph_.children_of(node)) {
        const auto index = static_cast<std::size_t>(child);
        if (--open[index] == 0) {
          ready.push_back(index);
        }
      }
    }
    if (done < open.size()) {
      const auto stuck = std::find_if(open.begin(), open.end(), [](auto n) { return n > 0; });
      fail(fmt::format("node {} depends on itself through other nodes",
                       graph_.id(static_cast<std::size_t>(stuck - open.begin()))));
    }
  }

  std::string_view bytes_;
  std::int32_t npu_;
  const std::string& file_;
  ChakraSchema schema_;
  std::vector<chakra::Node> nodes_;
  NpuGraph graph_;
};

}  // namespace

NpuGraph read_chakra(std::string_view bytes, std::int32_t npu, const std::string& file,
                     ChakraSchema schema) {
  return Reader(bytes, npu, file, schema).read();
}

}  // namespace lockstep
