#include "network/topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {
namespace {

// NPU ids are 32 bits wide.
constexpr std::int64_t kMaxNpus = std::numeric_limits<std::int32_t>::max();

Where at(std::string path) {
  return {"", 0, std::move(path)};
}

void check(const Topology::Dimension& dim, std::size_t d) {
  const auto fail = [d](const char* key, const std::string& what, const char* mend) {
    throw UserError(what, at(fmt::format("{}[{}]", key, d)), mend);
  };
  if (dim.npus <= 0) {
    fail("npus_count", fmt::format("network dimension {} has {} NPUs", d, dim.npus),
         "give at least 1");
  }
  if (!(dim.bandwidth > 0) || !std::isfinite(dim.bandwidth)) {
    fail("link_bw", fmt::format("network dimension {} has bandwidth {} GB/s", d, dim.bandwidth),
         "give a bandwidth above 0");
  }
  if (!(dim.latency >= 0) || !std::isfinite(dim.latency)) {
    fail("link_latency", fmt::format("network dimension {} has latency {} ns", d, dim.latency),
         "give a latency of 0 or more");
  }
}

std::int64_t hops_between(const Topology::Dimension& dim, std::int64_t a, std::int64_t b) {
  switch (dim.kind) {
    case TopologyKind::fully_connected:
      return 1;
    case TopologyKind::switch_:
      return 2;
    case TopologyKind::ring:
      break;
  }
  const std::int64_t distance = std::abs(a - b);
  return std::min(distance, dim.npus - distance);
}

}  // namespace

Topology::Topology(std::vector<Dimension> dims) : dims_(std::move(dims)) {
  if (dims_.empty()) {
    throw UserError("the network has no dimension", at("npus_count"),
                    "give at least one dimension");
  }
  for (std::size_t d = 0; d < dims_.size(); ++d) {
    check(dims_[d], d);
    if (dims_[d].npus > kMaxNpus / num_npus_) {
      throw UserError("the network has more than 2^31 NPUs", at("npus_count"), "give fewer NPUs");
    }
    stride_.push_back(num_npus_);
    num_npus_ *= dims_[d].npus;
    bytes_per_ns_.push_back(dims_[d].bandwidth * 1073741824 / 1000000000);
  }
}

Topology Topology::from(const NetworkDims& dims, const NetworkSettings& settings) {
  if (dims.bandwidth.size() != dims.npus.size() || dims.latency.size() != dims.npus.size()) {
    throw UserError(fmt::format("the network has {} dimensions, but {} bandwidths and {} latencies",
                                dims.npus.size(), dims.bandwidth.size(), dims.latency.size()),
                    at("link_bw"), "give one figure, or one for every dimension");
  }
  std::vector<Dimension> out;
  for (std::size_t d = 0; d < dims.npus.size(); ++d) {
    out.push_back({settings.topology_of(d), dims.npus[d], dims.bandwidth[d], dims.latency[d]});
  }
  return Topology(std::move(out));
}

std::int64_t Topology::coordinate(std::int64_t npu, std::size_t d) const {
  return (npu / stride_[d]) % dims_[d].npus;
}

std::int64_t Topology::neighbour(std::int64_t npu, std::size_t d, std::int64_t offset) const {
  const std::int64_t size = dims_[d].npus;
  const std::int64_t from = coordinate(npu, d);
  const std::int64_t to = ((from + offset) % size + size) % size;
  return npu + (to - from) * stride_[d];
}

Nanos Topology::message_time(std::size_t d, std::int64_t hops, Bytes size) const {
  const double wire = static_cast<double>(size.count()) / bytes_per_ns_[d];
  return Nanos{truncate(static_cast<double>(hops) * dims_[d].latency + wire)};
}

Nanos Topology::occupied_time(std::size_t d, Bytes size) const {
  return Nanos{truncate(static_cast<double>(size.count()) / bytes_per_ns_[d])};
}

Nanos Topology::neighbour_time(std::size_t d, Bytes size) const {
  return message_time(d, dims_[d].kind == TopologyKind::switch_ ? 2 : 1, size);
}

Nanos Topology::point_to_point_time(std::int64_t src, std::int64_t dst, Bytes size) const {
  for (std::size_t d = 0; d < dims_.size(); ++d) {
    const std::int64_t from = coordinate(src, d);
    const std::int64_t to = coordinate(dst, d);
    if (from != to) {
      return message_time(d, hops_between(dims_[d], from, to), size);
    }
  }
  throw InternalError(fmt::format("a message from NPU {} to itself", src));
}

}  // namespace lockstep
