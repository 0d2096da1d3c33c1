// All NPUs of the cluster in one event loop: issues the nodes of their graphs, moves messages,
// runs collectives, queues at memory devices. It knows nothing of requests.
//
// A step is one time value: everything that happens at that time, also what is added while it is
// handled. Between steps the owner may look at finished NPUs and start new programs, which then
// begin at now(), in a further step at the same time if they cause events at once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "config/network_settings.hpp"
#include "engine/device_listener.hpp"
#include "iteration/graph.hpp"
#include "network/collective_algorithm.hpp"
#include "network/topology.hpp"

namespace lockstep {

/// One memory level with its queueing discipline.
struct MemoryLevelSpec {
  enum class Discipline : std::uint8_t { per_npu, per_device };
  MemoryTier tier = MemoryTier::remote;
  Discipline discipline = Discipline::per_device;
  double bandwidth = 0;  ///< bytes a ns
  double latency = 0;    ///< ns
  std::int64_t num_devices = 1;
  std::int64_t pim_channels = 0;
};

/// NPUs that exchange with each other only, in a grid of their own.
struct DeviceIsland {
  std::int32_t first_npu = 0;
  Topology topology;
};

struct DeviceSimulatorSpec {
  Topology topology;  ///< of all NPUs; where there are islands only their number counts
  std::vector<MemoryLevelSpec> memory;
  double local_mem_bandwidth = 0;  ///< GB/s of 10^9 that prices reductions; 0: they are free
  /// The same by NPU, where they differ; else empty.
  std::vector<double> local_mem_bandwidths{};
  Nanos endpoint_delay{10};
  Nanos idle_step{1'000'000};  ///< clock advance when nothing is in flight anywhere
  /// Memory bandwidth and latency lose their fraction, as in the reference.
  bool integer_memory_figures = true;
  CollectiveSettings collectives{};  ///< rings unless told otherwise
  StreamSettings streams{};          ///< one stream a collective unless told otherwise
  /// Messages queue for links; each island may then have one dimension only.
  bool congestion_aware = false;
  /// In NPU order and without gaps. Collective masks refer to the NPU's own island.
  std::vector<DeviceIsland> islands{};
  /// Number in-memory compute queues by num_devices * device + channel, as the reference does, so
  /// that channels of different devices may share one; otherwise every channel has its own.
  bool pim_queues_stride_by_devices = true;
  /// The last chunk of a collective carries what is left; otherwise all are of one size.
  bool shorten_last_chunk = false;
  /// NPUs that always run programs of the same loops together: an instance, a data-parallel group.
  /// Copies of a loop that repeat what has been seen are skipped for them. An NPU is in one at
  /// most.
  std::vector<std::vector<std::int32_t>> companies{};
  /// Rings are left to a formula where one holds; then nothing happens at their messages' times.
  bool rings_in_closed_form = false;
  /// NPUs outside of a company may look at the times that were skipped for it.
  bool skipped_times_matter = true;
};

class DeviceSimulator {
public:
  explicit DeviceSimulator(DeviceSimulatorSpec spec);
  ~DeviceSimulator();
  DeviceSimulator(const DeviceSimulator&) = delete;
  DeviceSimulator& operator=(const DeviceSimulator&) = delete;

  [[nodiscard]] Nanos now() const;
  [[nodiscard]] std::int64_t num_npus() const;

  /// Tells `listener` (null: nobody) of everything that ends from now on; it must outlive this.
  void listen(DeviceListener* listener);

  /// Loads a program on a finished NPU and issues what depends on nothing, at now(). The NPU's
  /// iteration number grows by one.
  void start(std::shared_ptr<const NpuGraph> graph);
  /// Appends a program to the NPU's queue; it starts the tick the current one ends. Starts at
  /// once when the NPU is finished and nothing is queued.
  void enqueue(std::shared_ptr<const NpuGraph> graph);

  [[nodiscard]] bool finished(std::int32_t npu) const;
  /// From now on take_finished() says which NPUs have run out of programs.
  void list_finished();
  /// Those that have since the last call, in order of time, into `npus`; some may have begun
  /// another since.
  void take_finished(std::vector<std::int32_t>& npus);
  /// Programs given to the NPU so far, minus one: 0 is the opening event.
  [[nodiscard]] std::int64_t iteration(std::int32_t npu) const;
  /// now() minus the compute issued on the NPU since the start.
  [[nodiscard]] Nanos exposed_communication(std::int32_t npu) const;

  /// Handled so far: ends of nodes, messages, waits. What is skipped is not among them.
  [[nodiscard]] std::int64_t num_events() const;
  /// True while some event is pending.
  [[nodiscard]] bool busy() const;
  /// Handles the earliest pending time; when none is pending adds idle_step to the clock.
  void step();
  /// When the earliest event is due; some must be pending.
  [[nodiscard]] Nanos next_time() const;
  /// Steps on without anybody looking in between: until a time at or after `horizon` has been
  /// handled, or some NPU has become finished, or nothing is pending up to `limit`. Handles at
  /// least one time; something must be pending.
  void run_until(Nanos horizon, Nanos limit = Nanos::max());
  /// Moves the clock to `time` (not backwards), which lies before next_time() if something pends.
  void advance_idle_to(Nanos time);

  /// What each unfinished NPU waits for ("NPU 3 waits in ALLREDUCE #12 (4096 B, dims 1,0) for NPU
  /// 2"), for the error when nothing can move any more.
  [[nodiscard]] std::string describe_waits() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
