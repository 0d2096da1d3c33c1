#include "engine/device_streams.hpp"

#include <algorithm>

#include "base/numeric.hpp"

namespace lockstep {

StreamQueues::StreamQueues(std::size_t num_dims, const StreamSettings& settings)
    : policy_(settings.policy),
      per_dim_(static_cast<std::size_t>(settings.queues_per_dim)),
      limit_(ceil_div(settings.active_chunks, settings.queues_per_dim)),
      queues_(num_dims * per_dim_),
      turns_(num_dims) {}

std::int64_t StreamQueues::next_priority() {
  ++collectives_;
  switch (policy_) {
    case SchedulingPolicy::lifo:
      return collectives_;
    case SchedulingPolicy::fifo:
      return -collectives_;
    case SchedulingPolicy::explicit_:
      break;
  }
  return 0;
}

std::size_t StreamQueues::assign(CollectiveKind collective, const CollectivePhase& phase) {
  const std::size_t dim = phase.group.dimension;
  Turns& turns = turns_[dim];
  const std::size_t base = dim * per_dim_;
  const std::size_t half = per_dim_ / 2;
  if (half > 0 && collective == CollectiveKind::all_reduce) {
    if (phase.kind == CollectiveKind::reduce_scatter) {
      return base + turns.scatter++ % half;
    }
    if (phase.kind == CollectiveKind::all_gather) {
      return base + half + turns.gather++ % (per_dim_ - half);
    }
  }
  return base + turns.other++ % per_dim_;
}

bool StreamQueues::anticlockwise(std::size_t queue, const CollectivePhase& phase) const {
  return per_dim_ == 1 ? phase.anticlockwise : queue % per_dim_ >= per_dim_ / 2;
}

void StreamQueues::arrive(std::size_t queue, std::int32_t stream, std::int64_t priority) {
  std::vector<Waiting>& line = queues_[queue].line;
  const auto place = std::find_if(line.begin(), line.end(), [priority](const Waiting& other) {
    return other.priority < priority;
  });
  line.insert(place, {stream, priority});
}

std::optional<std::int32_t> StreamQueues::start_next(std::size_t queue) {
  Queue& own = queues_[queue];
  if (own.line.empty() || own.running >= limit_) {
    return std::nullopt;
  }
  const std::int32_t stream = own.line.front().stream;
  own.line.erase(own.line.begin());
  ++own.running;
  return stream;
}

}  // namespace lockstep
