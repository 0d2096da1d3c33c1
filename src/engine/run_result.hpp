// What a run says while it goes and when it has ended. The report room turns it into text and
// files; the engine never prints.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "engine/fleet_use.hpp"
#include "network/collective.hpp"
#include "perf/kernel_times.hpp"
#include "serving/batch.hpp"
#include "serving/prefix_stats.hpp"
#include "serving/request.hpp"

namespace lockstep {

class DeviceListener;
struct IterationTrace;
struct Program;

struct InstanceSnapshot {
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  std::int64_t num_npus = 1;
  Bytes npu_used;      ///< per rank: weights and KV blocks in use or still indexed
  Bytes npu_capacity;  ///< per rank
  bool prefix_caching = false;
  PrefixStats npu_prefix;
  Bytes cpu_used;  ///< of its private lower tier, when that is CPU
  std::optional<Bytes> private_cxl_used;
  double private_cxl_usage = 0;  ///< pinned share, 0..1
};

struct SharedPoolSnapshot {
  Bytes used;
  double usage = 0;  ///< pinned share, 0..1
  PrefixStats prefix;
};

struct NodeSnapshot {
  Bytes cpu_used;  ///< shared pool's bytes, else the sum over its instances
  Bytes cpu_capacity;
  std::vector<std::int32_t> instances;
  std::optional<SharedPoolSnapshot> shared_pool;
};

/// One reporting interval.
struct Heartbeat {
  Nanos mark;                    ///< the interval boundary that it is labelled with
  Nanos now;                     ///< the poll at which it was taken
  double prompt_throughput = 0;  ///< tokens/s of the interval
  double generation_throughput = 0;
  std::vector<InstanceSnapshot> instances;
  std::vector<NodeSnapshot> nodes;
  std::vector<SharedPoolSnapshot> cxl_pools;  ///< shared CXL pools, if any
  bool cxl_private = false;                   ///< instances hold private CXL tiers
  std::optional<double> power;                ///< W, cluster
};

/// One step of one instance, or one wave of a DP group, as the one-line log shows it.
struct StepEvent {
  std::int64_t step = 0;                  ///< batch id of the first member
  std::vector<std::int32_t> instances;    ///< members
  std::vector<std::int64_t> batch_sizes;  ///< real requests per member; dummy: 0
  std::vector<Bytes> npu_used;            ///< per rank, of every instance of the cluster
  Nanos now;
  std::int64_t prompt_tokens = 0;  ///< completed since the previous step line
  std::int64_t generated_tokens = 0;
  Nanos elapsed;  ///< since the previous step line
  CollectiveKind dispatch = CollectiveKind::none, combine = CollectiveKind::none;
  Bytes dispatch_size, combine_size;  ///< of the experts' exchange
};

enum class LogSeverity : std::uint8_t { debug, info, warning, error };

struct LogRecord {
  LogSeverity severity = LogSeverity::info;
  std::string_view component;  ///< "Scheduler", "Router", ...; static storage
  std::int32_t node = -1;      ///< -1: no tag
  std::int32_t instance = -1;
  std::string text;
};

enum class PollAnswer : std::uint8_t { pass, sleep, exit, program };

class RunObserver {
public:
  virtual ~RunObserver() = default;
  virtual void on_log(const LogRecord& /*record*/) {}
  virtual void on_heartbeat(const Heartbeat& /*heartbeat*/) {}
  virtual void on_step(const StepEvent& /*step*/) {}
  /// A batch whose program is about to be made (after padding).
  virtual void on_batch(const Batch& /*batch*/) {}
  /// The batches of a step, one of each member of a wave, all padded: their programs begin now.
  virtual void on_launch(std::span<Batch* const> /*batches*/, Nanos /*now*/) {}
  /// First and last NPU of the instance have reported the batch finished.
  virtual void on_batch_done(std::int32_t /*instance*/, std::int64_t /*batch*/, Nanos /*now*/) {}
  /// The request has got its last token.
  virtual void on_request_done(const Request& /*request*/) {}
  /// Rows and graphs of a batch; they are valid during the call. The members of a wave follow each
  /// other in group order.
  virtual void on_program(const Batch& /*batch*/, const IterationTrace& /*trace*/,
                          const Program& /*program*/) {}
  /// A free NPU asked and was answered; the order is that of the simulation.
  virtual void on_poll(std::int32_t /*npu*/, std::int64_t /*iteration*/, Nanos /*now*/,
                       PollAnswer /*answer*/) {}
  /// Called before any of these is built, so that silent runs pay nothing.
  [[nodiscard]] virtual LogSeverity min_severity() const { return LogSeverity::warning; }
  [[nodiscard]] virtual bool wants_steps() const { return false; }
  /// True: batches are told one by one, those too that nothing depends on.
  [[nodiscard]] virtual bool wants_batches() const { return wants_steps(); }
  [[nodiscard]] virtual bool wants_programs() const { return false; }
  /// True: polls that cannot change anything are made and told as well.
  [[nodiscard]] virtual bool wants_polls() const { return false; }
  /// Who hears of every node and network phase; null: nobody, which is faster. Asked once.
  [[nodiscard]] virtual DeviceListener* device_listener() { return nullptr; }
};

struct NodeEnergy {
  double total = 0;  ///< J
  /// Base Node, NPU, CPU, Memory, Link, NIC, Storage in J.
  std::array<double, 7> components{};
};

struct PrefixTotals {
  bool any_caching = false;
  std::int64_t requested = 0;
  std::int64_t npu_hit = 0;
  std::int64_t lower_hit = 0;
  PrefixStorage storage = PrefixStorage::none;
};

struct RunResult {
  Nanos total_clocks;
  std::int64_t requests = 0;       ///< completed on non-prefill instances
  std::int64_t input_tokens = 0;   ///< prompt lengths of finished requests
  std::int64_t prompt_tokens = 0;  ///< processed: hits and recomputation included
  std::int64_t generated_tokens = 0;
  std::int64_t preemptions = 0;
  std::int64_t recompute_tokens = 0;
  /// (prompt, generation) throughput of every interval.
  std::vector<std::array<double, 2>> interval_throughput;
  std::vector<double> interval_power;
  PrefixTotals prefix;
  std::vector<NodeEnergy> energy;                 ///< empty without the power model
  double total_energy = 0;                        ///< J
  std::vector<std::vector<const Request*>> done;  ///< by instance, completion order
  LookupCounts lookups;
  std::vector<std::string> kernel_time_sources;  ///< one line a source
  std::vector<std::int64_t> peak_kv_blocks;      ///< by instance: most in use at once
  std::vector<std::string> leaks;                ///< what was not returned at the end
  std::int64_t steps = 0;                        ///< batches run, dummies included
  std::optional<FleetUse> fleet;                 ///< none: no instance came or went
  bool all_exited = true;
};

}  // namespace lockstep
