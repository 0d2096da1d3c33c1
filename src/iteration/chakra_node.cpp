#include "iteration/chakra_node.hpp"

#include <fmt/format.h>

#include <limits>
#include <optional>

#include "base/error.hpp"
#include "chakra/chakra.pb.h"
#include "iteration/chakra_codes.hpp"

namespace lockstep::chakra {
namespace {

constexpr std::int64_t kLargestAmount = std::int64_t{1} << 53;  // a double counts up to here
constexpr std::int64_t kLargestIndex = std::numeric_limits<std::int32_t>::max();
/// Larger tags are those of collectives.
constexpr std::int64_t kLargestTag = 499'999'999;
constexpr int kLargestMask = 32;

std::string_view kind_name(NodeKind kind) {
  switch (kind) {
    case NodeKind::mem_load:
      return "a memory load";
    case NodeKind::mem_store:
      return "a memory store";
    case NodeKind::pim:
      return "in-memory compute";
    case NodeKind::compute:
      return "compute";
    case NodeKind::send:
      return "a send";
    case NodeKind::recv:
      return "a receive";
    case NodeKind::collective:
      return "a collective";
  }
  return "unknown";
}

class NodeReader {
public:
  NodeReader(const Node& message, std::int32_t npu, const std::string& file, ChakraSchema schema)
      : message_(message), npu_(npu), file_(file), upstream_(schema == ChakraSchema::upstream) {}

  GraphNode read() {
    node_.kind = kind();
    switch (node_.kind) {
      case NodeKind::mem_load:
      case NodeKind::mem_store:
        read_tensor();
        break;
      case NodeKind::pim:
        read_tensor();
        read_duration();
        node_.location.channel =
            static_cast<std::int32_t>(integer(kTensorChannel, kLargestIndex, 0));
        break;
      case NodeKind::compute:
        read_duration();
        break;
      case NodeKind::send:
      case NodeKind::recv:
        read_message();
        break;
      case NodeKind::collective:
        read_collective();
        break;
    }
    return node_;
  }

private:
  [[noreturn]] void fail(const std::string& what) const {
    throw UserError(fmt::format("node {}: {}", message_.id(), what), {file_, 0, {}},
                    "give a graph file as the trace converter writes it");
  }

  [[nodiscard]] NodeKind kind() const {
    constexpr auto kFirst = static_cast<std::uint32_t>(NodeKind::mem_load);
    constexpr auto kLast = static_cast<std::uint32_t>(NodeKind::collective);
    constexpr auto kPim = static_cast<std::uint32_t>(NodeKind::pim);
    std::uint64_t type = message_.type();
    if (upstream_ && type >= kPim) {
      ++type;
    }
    if (type < kFirst || type > kLast) {
      fail(fmt::format("unknown node type {}", message_.type()));
    }
    return static_cast<NodeKind>(type);
  }

  [[nodiscard]] const Attribute* find(std::string_view name) const {
    for (const Attribute& attribute : message_.attr()) {
      if (attribute.name() == name) {
        return &attribute;
      }
    }
    return nullptr;
  }

  /// Any integer type is taken; nothing for another one, or a value that int64 cannot hold.
  [[nodiscard]] static std::optional<std::int64_t> integer_of(const Attribute& attribute) {
    switch (attribute.value_case()) {
      case Attribute::kInt32Val:
        return attribute.int32_val();
      case Attribute::kInt64Val:
        return attribute.int64_val();
      case Attribute::kUint32Val:
        return attribute.uint32_val();
      case Attribute::kUint64Val:
        return attribute.uint64_val() > std::uint64_t{std::numeric_limits<std::int64_t>::max()}
                   ? std::nullopt
                   : std::optional(static_cast<std::int64_t>(attribute.uint64_val()));
      case Attribute::kSint32Val:
        return attribute.sint32_val();
      case Attribute::kSint64Val:
        return attribute.sint64_val();
      default:
        return std::nullopt;
    }
  }

  /// In 0..largest. Without `otherwise` the attribute must be there.
  [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t largest,
                                     std::optional<std::int64_t> otherwise = {}) const {
    const Attribute* attribute = find(name);
    if (attribute == nullptr && otherwise) {
      return *otherwise;
    }
    if (attribute == nullptr) {
      fail(
          fmt::format("{} is missing (node type {} is {}; for files of upstream's numbering give "
                      "--schema upstream)",
                      name, message_.type(), kind_name(node_.kind)));
    }
    const std::optional<std::int64_t> value = integer_of(*attribute);
    if (!value || *value < 0 || *value > largest) {
      fail(fmt::format("{} is not an integer from 0 to {}", name, largest));
    }
    return *value;
  }

  void read_duration() {
    const std::int64_t unit = upstream_ ? 1000 : 1;
    if (message_.duration_micros() > static_cast<std::uint64_t>(kLargestAmount / unit)) {
      fail("the duration is larger than 2^53 ns");
    }
    node_.duration = Nanos{static_cast<std::int64_t>(message_.duration_micros()) * unit};
    if (upstream_ && node_.duration == Nanos{0} && find("num_ops") != nullptr) {
      fail("the compute node has operations but no duration");
    }
  }

  void read_tensor() {
    const auto otherwise =
        upstream_ ? std::optional(static_cast<std::int64_t>(MemoryTier::remote)) : std::nullopt;
    const std::int64_t tier = integer(kTensorLocation, std::int64_t{4}, otherwise);
    if (tier == 0) {
      fail("tensor_loc 0 is no memory");
    }
    node_.location.tier = static_cast<MemoryTier>(tier);
    node_.location.device = static_cast<std::int32_t>(integer(kTensorDevice, kLargestIndex, 0));
    node_.size = Bytes{integer(kTensorSize, kLargestAmount)};
  }

  CollectiveKind comm_type() const {
    const auto kind = collective_from_code(integer(kCommType, kLargestIndex));
    if (!kind) {
      fail("unknown comm_type");
    }
    return *kind;
  }

  void read_message() {
    const bool sends = node_.kind == NodeKind::send;
    node_.comm = comm_type();
    node_.size = Bytes{integer(kCommSize, kLargestAmount)};
    const auto source = static_cast<std::int32_t>(integer(kCommSource, kLargestIndex));
    const auto target = static_cast<std::int32_t>(integer(kCommTarget, kLargestIndex));
    if ((sends ? source : target) != npu_ || source == target) {
      fail(fmt::format("a message from NPU {} to NPU {} is out of place in the graph of NPU {}",
                       source, target, npu_));
    }
    node_.peer = sends ? target : source;
    node_.tag = static_cast<std::int32_t>(integer(kCommTag, kLargestTag));
  }

  void read_collective() {
    node_.comm = comm_type();
    node_.size = Bytes{integer(kCommSize, kLargestAmount)};
    const Attribute* mask = find(kInvolvedDims);
    if (mask == nullptr) {
      return;
    }
    const int dims = mask->bool_list().values_size();
    if (dims < 1 || dims > kLargestMask) {
      fail(fmt::format("involved_dim is not a list of 1 to {} flags", kLargestMask));
    }
    node_.comm_mask.count = static_cast<std::uint8_t>(dims);
    for (int dim = 0; dim < dims; ++dim) {
      node_.comm_mask.bits |= mask->bool_list().values(dim) ? std::uint32_t{1} << dim : 0U;
    }
  }

  const Node& message_;
  std::int32_t npu_;
  const std::string& file_;
  bool upstream_;
  GraphNode node_;
};

}  // namespace

GraphNode to_graph_node(const Node& message, std::int32_t npu, const std::string& file,
                        ChakraSchema schema) {
  return NodeReader(message, npu, file, schema).read();
}

}  // namespace lockstep::chakra
