#include "engine/device_waits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace lockstep {
namespace {

using Lines = std::vector<std::string>;

// "1,0" of the dimensions a collective runs over, innermost first.
std::string active_dimensions(const CollectivePlan& plan, const Topology& topology) {
  std::string text;
  for (std::size_t d = 0; d < topology.num_dims(); ++d) {
    bool active = false;
    for (const CollectivePhase& phase : plan.phases) {
      active = active || phase.group.flat || phase.group.dimension == d;
    }
    text += text.empty() ? "" : ",";
    text += active ? '1' : '0';
  }
  return text;
}

// A message of the same tag and sender that the receive cannot take.
std::string misfit(const MessageKey& key, const std::vector<MessageKey>& arrived) {
  for (const MessageKey& other : arrived) {
    if (other.tag == key.tag && other.source == key.source) {
      return fmt::format(", which sent {} B where {} B are expected", other.size.count(),
                         key.size.count());
    }
  }
  return "";
}

std::string sources(const Npu& npu, std::int32_t subject, const std::vector<Npu>& npus,
                    const DeviceParts& parts) {
  std::string text;
  for (const Mailbox::Receive& receive : parts.mailbox.waiting(npu.id())) {
    if (receive.subject != subject) {
      continue;
    }
    const Npu& source = npus[static_cast<std::size_t>(receive.key.source)];
    text += text.empty() ? " for NPU " : ", NPU ";
    text += std::to_string(source.id());
    text += source.finished() ? ", which has finished its program" : "";
    text += misfit(receive.key, parts.mailbox.arrived(npu.id()));
  }
  return text;
}

// The first stream that waits for a message, else the first that has not ended.
std::int32_t waiting_stream(const Npu& npu, const DeviceParts& parts) {
  std::int32_t first = -1;
  const auto& streams = parts.collectives.streams_of(npu.id());
  for (std::size_t i = 0; i < streams.size(); ++i) {
    const auto stream = static_cast<std::int32_t>(i);
    const auto& receives = parts.mailbox.waiting(npu.id());
    const bool waits = std::any_of(receives.begin(), receives.end(), [&](const auto& receive) {
      return is_collective_receive(receive.subject) && stream_of_receive(receive.subject) == stream;
    });
    if (waits) {
      return stream;
    }
    first = first < 0 && streams[i].plan != nullptr ? stream : first;
  }
  return first;
}

void add_collective(const Npu& npu, const std::vector<Npu>& npus, const DeviceParts& parts,
                    Lines& lines) {
  if (const std::int64_t missing = parts.meetings.missing(npu.id()); missing > 0) {
    lines.push_back(fmt::format("NPU {} waits in {} for {} of its peers", npu.id(),
                                collective_name(npu.node(npu.communicating()).comm), missing));
    return;
  }
  const std::int32_t stream = waiting_stream(npu, parts);
  const auto& own = parts.collectives.streams_of(npu.id())[static_cast<std::size_t>(stream)];
  lines.push_back(fmt::format("NPU {} waits in {} #{} ({} B, dims {}){}", npu.id(),
                              collective_name(own.plan->request.kind), own.number,
                              own.plan->request.size.count(),
                              active_dimensions(*own.plan, parts.islands.of(npu.id()).topology),
                              sources(npu, -1 - stream, npus, parts)));
}

void add_receives(const Npu& npu, const DeviceParts& parts, Lines& lines) {
  for (const Mailbox::Receive& receive : parts.mailbox.waiting(npu.id())) {
    if (!is_collective_receive(receive.subject)) {
      lines.push_back(fmt::format("NPU {} waits for a message ({} B, tag {}) from NPU {}{}",
                                  npu.id(), receive.key.size.count(), receive.key.tag,
                                  receive.key.source,
                                  misfit(receive.key, parts.mailbox.arrived(npu.id()))));
    }
  }
}

}  // namespace

std::string describe_waits(const std::vector<Npu>& npus, const DeviceParts& parts) {
  Lines lines;
  for (const Npu& npu : npus) {
    if (npu.finished()) {
      continue;
    }
    const std::size_t before = lines.size();
    const std::int32_t node = npu.communicating();
    if (node != Npu::kNoNode && npu.node(node).kind == NodeKind::collective) {
      add_collective(npu, npus, parts, lines);
    }
    add_receives(npu, parts, lines);
    if (lines.size() == before) {
      lines.push_back(
          fmt::format("NPU {} has {} nodes left {}", npu.id(), npu.remaining(),
                      parts.queue.empty() ? "that wait for each other" : "and work under way"));
    }
  }
  return fmt::format("{}", fmt::join(lines, "\n"));
}

}  // namespace lockstep
