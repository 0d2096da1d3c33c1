// Everything that is kept of a run for people: what was run, one row a request, one row a step, and
// series over simulated time. Reports, summaries for scripts and traces are made from it.
//
// A record may come from a live run or from a result file; of the latter only the requests are
// known. Times are ns, sizes bytes, energy joules.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "engine/fleet_use.hpp"
#include "network/collective.hpp"
#include "perf/kernel_times.hpp"
#include "report/provenance.hpp"

namespace lockstep {

/// -1: not set.
struct RequestRecord {
  std::int64_t id = 0;
  std::int32_t instance = 0;
  std::string model;
  std::int64_t input = 0, output = 0;
  std::int64_t arrival = 0, end = -1, latency = -1, queue = -1, ttft = -1, tpot = -1;
  std::vector<std::int64_t> itl;
  std::int32_t session = -1;  ///< -1: none, or not known
  std::int32_t call = 0;
  std::int64_t tool = 0;  ///< between its end and the arrival of the session's next call
};

/// A member's part in a step or wave.
struct StepRecord {
  std::int64_t launch = 0, end = -1;
  std::int64_t formed = 0;  ///< when the member's batch was ready: until launch it waits for others
  std::int32_t instance = 0;
  std::int64_t wave = 0;  ///< equal for the members of a wave, running number of the launches
  std::int64_t batch = 0;
  std::int64_t requests = 0, prefills = 0;
  std::int64_t tokens = 0;   ///< real ones
  std::int64_t padding = 0;  ///< added to reach the largest member
  bool dummy = false;
  std::int64_t kv_bytes = 0;  ///< per rank, in use or still indexed
};

struct InstanceRecord {
  std::int32_t id = 0, node = 0;
  std::string model, hardware, role;  ///< role: "", "prefill" or "decode"
  std::string dp_group;               ///< empty: none
  std::int64_t tp = 1, pp = 1, ep = 1;
  std::int32_t first_npu = 0;
  std::int64_t npus = 1;
  std::int64_t capacity_bytes = 0, weight_bytes = 0;  ///< per rank
  std::int64_t kv_blocks = 0, block_size = 0, block_bytes = 0;
};

/// Used bytes of a memory at the times of RunRecord::memory_times.
struct MemorySeries {
  std::string name;  ///< "NPU, instance 0", "CPU, node 0", "CXL"
  std::string tier;  ///< "NPU", "CPU", "CXL"
  std::int64_t capacity_bytes = 0;
  std::vector<std::int64_t> used;
};

/// Time in the phases of collectives over one dimension, summed over the NPUs.
struct DimensionRecord {
  std::string name;  ///< "dimension 0", "all dimensions"
  std::int64_t npus = 0;
  std::int64_t phases = 0;
  double busy_ns = 0;
  double sent_bytes = 0;
  std::vector<std::pair<std::string, double>> by_collective;  ///< ns
  std::int64_t bucket_ns = 0;
  std::vector<double> busy_buckets;  ///< ns of all NPUs by bucket
};

struct EnergyRecord {
  double total = 0;
  std::vector<std::array<double, 7>> nodes;  ///< components by node, in kEnergyComponents' order
  std::vector<double> power;                 ///< W by interval
};
inline constexpr std::array<const char*, 7> kEnergyComponents{"base", "npu", "cpu",    "memory",
                                                              "link", "nic", "storage"};

struct RunRecord {
  std::string title;
  std::string run_id, cluster_config, dataset, fidelity, version;
  std::string engine_terms, calibration;  ///< of the modelled engine; empty under reference
  std::vector<std::string> arguments;     ///< of `lockstep run`; empty: not known
  std::int64_t total_ns = 0;
  double wall_seconds = 0;  ///< 0: not known
  double log_interval = 1.0;
  std::vector<InstanceRecord> instances;
  std::vector<RequestRecord> requests;  ///< by instance, each in completion order
  std::int64_t prompt_tokens = 0;       ///< processed; hits and recomputation included
  std::int64_t preemptions = 0, recompute_tokens = 0;
  std::int64_t total_steps = 0;   ///< members' steps, dummies included; steps may hold fewer
  std::vector<StepRecord> steps;  ///< the first ones
  std::vector<std::int64_t> memory_times;
  std::vector<MemorySeries> memory;
  std::vector<DimensionRecord> network;
  std::optional<EnergyRecord> energy;
  bool prefix_caching = false;
  std::int64_t prefix_requested = 0, prefix_npu_hit = 0, prefix_lower_hit = 0;
  std::optional<FleetUse> fleet;  ///< none: no instance came or went
  bool live = false;              ///< from a run: lookups, sources and memory figures are known
  LookupCounts lookups;
  std::vector<std::string> kernel_time_sources;
  std::vector<std::string> warnings;
  bool partial = false;  ///< stopped before its end: what was finished by then
  Provenance provenance;
};

}  // namespace lockstep
