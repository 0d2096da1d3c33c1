#include "network/link_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

LinkNetwork::LinkNetwork(Topology topology) : topology_(std::move(topology)) {
  // Dimensions of one NPU have no links; the field's tools refuse them too.
  std::size_t wide = 0;
  for (std::size_t d = 0; d < topology_.num_dims(); ++d) {
    if (topology_.dim(d).npus > 1) {
      ++wide;
      dimension_ = d;
    }
  }
  if (wide > 1) {
    throw UserError(
        fmt::format("the network has {} dimensions, a congestion-aware one has one", wide),
        {"", 0, "network.congestion"},
        "use \"unaware\", or a cluster whose NPUs stand in one dimension");
  }
}

std::int64_t LinkNetwork::next_device(std::int64_t from, std::int64_t to) const {
  const std::int64_t count = topology_.num_npus();
  switch (topology_.dim(dimension_).kind) {
    case TopologyKind::fully_connected:
      return to;
    case TopologyKind::switch_:
      return from == count ? to : count;
    case TopologyKind::ring:
      break;
  }
  const std::int64_t clockwise = (to - from + count) % count;
  return (from + (2 * clockwise <= count ? 1 : count - 1)) % count;
}

LinkNetwork::Hop LinkNetwork::forward(Nanos now, std::int64_t from, std::int64_t to, Bytes size) {
  ensure(from != to, "a message from an NPU to itself");
  const std::int64_t next = next_device(from, to);
  Nanos& free_at = free_at_[from * (topology_.num_npus() + 1) + next];
  const Nanos start = std::max(now, free_at);
  free_at = start + topology_.occupied_time(dimension_, size);
  return {next, start + topology_.message_time(dimension_, 1, size)};
}

}  // namespace lockstep
