// Which streams of one NPU run and which wait.
//
// A stream is a chunk of a collective on its way through the phases. Each dimension of the network
// has queues; a stream stands in one queue of its phase's dimension and moves to the next phase's
// when it is through. A queue runs so many streams at once, the first in line. The line is ordered
// by priority, then arrival: a newcomer goes before the first waiting stream of lower priority.
// Streams that run are never put back.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "config/network_settings.hpp"
#include "network/collective_plan.hpp"

namespace lockstep {

class StreamQueues {
public:
  StreamQueues(std::size_t num_dims, const StreamSettings& settings);

  /// Of a new collective, shared by all its streams. LIFO: more than all earlier ones. FIFO: less.
  /// EXPLICIT: the graph would give it; graphs of serving give none, so it is 0 for all.
  [[nodiscard]] std::int64_t next_priority();

  /// The queue in which a new stream will run this phase. Streams take turns: the scattering
  /// phases of an ALLREDUCE in the first half of the dimension's queues, the gathering ones in the
  /// others, all else in all of them.
  [[nodiscard]] std::size_t assign(CollectiveKind collective, const CollectivePhase& phase);
  /// Streams of the second half of a dimension's queues go round the other way. With one queue
  /// only the phase itself says so.
  [[nodiscard]] bool anticlockwise(std::size_t queue, const CollectivePhase& phase) const;

  void arrive(std::size_t queue, std::int32_t stream, std::int64_t priority);
  /// Takes the next waiting stream if the queue may run one more.
  [[nodiscard]] std::optional<std::int32_t> start_next(std::size_t queue);
  /// A running stream is through with its phase.
  void leave(std::size_t queue) { --queues_[queue].running; }

private:
  struct Waiting {
    std::int32_t stream;
    std::int64_t priority;
  };
  struct Queue {
    std::vector<Waiting> line;  ///< those that have not started
    std::int64_t running = 0;
  };
  /// Whose turn it is among the queues of a dimension.
  struct Turns {
    std::size_t scatter = 0;
    std::size_t gather = 0;
    std::size_t other = 0;
  };

  SchedulingPolicy policy_;
  std::size_t per_dim_;
  std::int64_t limit_;  ///< running streams of a queue
  std::int64_t collectives_ = 0;
  std::vector<Queue> queues_;  ///< per_dim_ for each dimension
  std::vector<Turns> turns_;   ///< by dimension
};

}  // namespace lockstep
