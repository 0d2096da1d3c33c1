#include "engine/device_memory.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kNumTiers = 5;

MemoryLevelSpec checked(MemoryLevelSpec spec, bool integer_figures) {
  if (integer_figures) {
    spec.bandwidth = static_cast<double>(truncate(spec.bandwidth));
    spec.latency = static_cast<double>(truncate(spec.latency));
  }
  const std::string_view name = tier_name(spec.tier);
  if (!(spec.bandwidth > 0)) {
    throw UserError(fmt::format("{} memory has no bandwidth", name), Where{},
                    integer_figures ? "give mem_bw of at least 1 GB/s" : "give mem_bw above 0");
  }
  if (!(spec.latency >= 0)) {
    throw UserError(fmt::format("{} memory has a negative latency", name), Where{},
                    "give mem_latency of 0 or more");
  }
  if (spec.num_devices < 1 || spec.pim_channels < 0) {
    throw UserError(fmt::format("{} memory has {} devices and {} channels", name, spec.num_devices,
                                spec.pim_channels),
                    Where{}, "give at least one device");
  }
  return spec;
}

}  // namespace

MemoryDevices::MemoryDevices(const std::vector<MemoryLevelSpec>& levels, bool integer_figures,
                             bool stride_by_devices)
    : levels_(kNumTiers), integer_figures_(integer_figures), stride_by_devices_(stride_by_devices) {
  for (const MemoryLevelSpec& given : levels) {
    Level& slot = levels_.at(static_cast<std::size_t>(given.tier));
    if (slot.present) {
      throw UserError(fmt::format("{} memory is given twice", tier_name(given.tier)), Where{},
                      "give each level once");
    }
    slot.present = true;
    slot.spec = checked(given, integer_figures_);
    const auto devices = static_cast<std::size_t>(slot.spec.num_devices);
    const auto channels = static_cast<std::size_t>(slot.spec.pim_channels);
    slot.devices.resize(devices);
    // Room for either way of numbering the queues.
    slot.channels.resize(channels == 0 ? 0 : devices * std::max(devices, channels) + channels);
  }
}

const MemoryDevices::Level& MemoryDevices::level(MemoryTier tier) const {
  const auto index = static_cast<std::size_t>(tier);
  if (index >= levels_.size() || !levels_[index].present) {
    throw UserError(
        fmt::format("a tensor lies in {} memory, which the cluster does not have", tier_name(tier)),
        Where{}, "describe that memory in the cluster file or place the tensor elsewhere");
  }
  return levels_[index];
}

MemoryDevices::Level& MemoryDevices::level(MemoryTier tier) {
  static_cast<void>(std::as_const(*this).level(tier));
  return levels_[static_cast<std::size_t>(tier)];
}

Nanos MemoryDevices::access_time(MemoryTier tier, Bytes size) const {
  const MemoryLevelSpec& spec = level(tier).spec;
  const double transfer = static_cast<double>(size.count()) / spec.bandwidth;
  if (integer_figures_) {
    return Nanos{truncate(spec.latency) + truncate(transfer)};
  }
  return Nanos{truncate(spec.latency + transfer)};
}

std::size_t MemoryDevices::channel_index(const Level& level, const GraphNode& node) const {
  const std::int64_t channel = std::max(node.location.channel, 0);
  if (channel >= level.spec.pim_channels) {
    throw UserError(fmt::format("in-memory compute on channel {}, but {} memory has {} channels",
                                channel, tier_name(level.spec.tier), level.spec.pim_channels),
                    Where{}, "describe the channels in the cluster file");
  }
  // The reference strides by the number of devices, so channels of different devices may share.
  const std::int64_t stride = stride_by_devices_ ? level.spec.num_devices : level.spec.pim_channels;
  return static_cast<std::size_t>(stride * node.location.device_index() + channel);
}

MemoryDevices::Server* MemoryDevices::server_of(const GraphNode& node) {
  Level& at = level(node.location.tier);
  const auto device = static_cast<std::size_t>(node.location.device_index());
  if (device >= at.devices.size()) {
    throw UserError(fmt::format("a tensor lies in {} device {}, but there are {}",
                                tier_name(at.spec.tier), device, at.devices.size()),
                    Where{}, "name an existing device");
  }
  if (node.kind == NodeKind::pim) {
    return &at.channels[channel_index(at, node)];
  }
  return at.spec.discipline == MemoryLevelSpec::Discipline::per_npu ? nullptr : &at.devices[device];
}

void MemoryDevices::serve_front(DeviceEventQueue& queue, Nanos now, const Server& server) {
  const Waiting& first = server.line[server.front];
  queue.push_own(first.npu, now + first.service, {first.node, DeviceEventKind::memory_done});
}

void MemoryDevices::request(DeviceEventQueue& queue, Nanos now, std::int32_t npu,
                            std::int32_t node_index, const GraphNode& node) {
  Server* server = server_of(node);
  Nanos service = access_time(node.location.tier, node.size);
  if (node.kind == NodeKind::pim) {
    service += node.duration;
  }
  if (server == nullptr) {
    queue.push_own(npu, now + service, {node_index, DeviceEventKind::memory_done});
    return;
  }
  server->line.push_back({npu, node_index, service});
  if (server->line.size() - server->front == 1) {
    serve_front(queue, now, *server);
  }
}

void MemoryDevices::release(DeviceEventQueue& queue, Nanos now, const GraphNode& node) {
  Server* server = server_of(node);
  if (server == nullptr) {
    return;
  }
  if (++server->front < server->line.size()) {
    serve_front(queue, now, *server);
    // A line that never empties must not grow for ever.
    if (server->front >= 1024) {
      server->line.erase(server->line.begin(),
                         server->line.begin() + static_cast<std::ptrdiff_t>(server->front));
      server->front = 0;
    }
    return;
  }
  server->line.clear();
  server->front = 0;
}

}  // namespace lockstep
