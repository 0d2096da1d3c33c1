#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>

#include "base/error.hpp"
#include "chakra/chakra.pb.h"
#include "iteration/chakra.hpp"
#include "iteration/chakra_codes.hpp"

namespace lockstep {
namespace {

constexpr const char* kVersion = "0.0.4";

chakra::Attribute& attribute(chakra::Node& node, std::string_view name) {
  chakra::Attribute& added = *node.add_attr();
  added.set_name(name.data(), name.size());
  return added;
}

void add_tensor(chakra::Node& out, const GraphNode& node) {
  attribute(out, chakra::kTensorSize).set_uint64_val(static_cast<std::uint64_t>(node.size.count()));
  attribute(out, chakra::kTensorLocation)
      .set_uint32_val(static_cast<std::uint32_t>(node.location.tier));
  attribute(out, chakra::kTensorDevice)
      .set_uint32_val(static_cast<std::uint32_t>(node.location.device_index()));
}

void add_comm(chakra::Node& out, const GraphNode& node) {
  attribute(out, chakra::kCommType).set_int64_val(chakra::collective_code(node.comm));
  attribute(out, chakra::kCommSize).set_int64_val(node.size.count());
}

void add_message(chakra::Node& out, const GraphNode& node, std::int32_t npu) {
  const bool sends = node.kind == NodeKind::send;
  add_comm(out, node);
  attribute(out, chakra::kCommSource).set_int32_val(sends ? npu : node.peer);
  attribute(out, chakra::kCommTarget).set_int32_val(sends ? node.peer : npu);
  attribute(out, chakra::kCommTag).set_int32_val(node.tag);
}

void add_mask(chakra::Node& out, const DimMask& mask) {
  if (!mask.given()) {
    return;
  }
  chakra::BoolList& list = *attribute(out, chakra::kInvolvedDims).mutable_bool_list();
  for (std::size_t dim = 0; dim < mask.count; ++dim) {
    list.add_values(mask.involves(dim));
  }
}

void add_attributes(chakra::Node& out, const GraphNode& node, std::int32_t npu) {
  switch (node.kind) {
    case NodeKind::mem_load:
    case NodeKind::mem_store:
      add_tensor(out, node);
      break;
    case NodeKind::pim:
      out.set_duration_micros(static_cast<std::uint64_t>(node.duration.count()));
      add_tensor(out, node);
      attribute(out, chakra::kTensorChannel)
          .set_uint32_val(static_cast<std::uint32_t>(std::max(node.location.channel, 0)));
      break;
    case NodeKind::compute:
      out.set_duration_micros(static_cast<std::uint64_t>(node.duration.count()));
      break;
    case NodeKind::send:
    case NodeKind::recv:
      add_message(out, node, npu);
      break;
    case NodeKind::collective:
      add_comm(out, node);
      add_mask(out, node.comm_mask);
      break;
  }
}

chakra::Node to_message(const NpuGraph& graph, std::size_t index,
                        std::span<const std::string> names) {
  const GraphNode& node = graph.nodes[index];
  chakra::Node out;
  out.set_id(static_cast<std::uint64_t>(graph.id(index)));
  out.set_name(names.empty() ? fmt::format("NODE_{}", node.row) : names[index]);
  out.set_type(static_cast<std::uint32_t>(node.kind));
  for (const std::int32_t parent : graph.parents_of(index)) {
    out.add_data_deps(static_cast<std::uint64_t>(graph.id(static_cast<std::size_t>(parent))));
  }
  add_attributes(out, node, graph.npu);
  return out;
}

void append(google::protobuf::io::CodedOutputStream& out,
            const google::protobuf::MessageLite& message) {
  out.WriteVarint32(static_cast<std::uint32_t>(message.ByteSizeLong()));
  message.SerializeWithCachedSizes(&out);
}

}  // namespace

std::string write_chakra(const NpuGraph& graph, std::span<const std::string> names) {
  ensure(names.empty() || names.size() == graph.size(), "one name per node");
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  chakra::Metadata metadata;
  metadata.set_version(kVersion);
  append(out, metadata);
  // File order is the order of making, where a kv store precedes the kv load with the lower id.
  const bool swapped = graph.num_shared == 2 && graph.nodes[0].kind == NodeKind::mem_load;
  for (std::size_t i = 0; i < graph.size(); ++i) {
    append(out, to_message(graph, swapped && i < 2 ? 1 - i : i, names));
  }
  out.Trim();
  return bytes;
}

}  // namespace lockstep
