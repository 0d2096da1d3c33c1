// What a plan is asked: which of the clusters and settings that could be had is the cheapest that
// keeps the promises at a given load.
//
//   model: OWNER/NAME
//   flags: {...}               of `lockstep run`; fidelity is vllm unless given
//   workload: {...} or FILE    the load; of a generated one `seed` is the first of `seeds`
//   slo: {ttft_p99_ms, tpot_p99_ms, itl_p99_ms, latency_p99_ms,
//         goodput, ttft_ms, tpot_ms, itl_ms, latency_ms}   goodput: least share of good requests
//   hardware: [{name, price, gpus_per_node, most_gpus, npu_mem, cpu_mem, link_bw, link_latency}]
//   search: {instances, tp, pp, ep, dp, pd, max_num_seqs, max_num_batched_tokens,
//            chunked_prefill, kv_cache_dtype}               lists; what is left out stays as it is
//   seeds: 3                   workloads per figure
//   precision: 0.05            of the largest rate
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/run_description.hpp"
#include "sweep/service_level.hpp"

namespace lockstep {

struct PlanHardware {
  std::string name;
  double price = 0;  ///< of one GPU and hour, in whatever currency
  std::int64_t gpus_per_node = 8;
  std::int64_t most_gpus = 1 << 16;
  nlohmann::ordered_json npu_mem, cpu_mem;  ///< as a cluster file has them
  nlohmann::ordered_json link_bw, link_latency;
};

/// A limit on one figure of a run.
struct PlanLimit {
  std::string_view figure;  ///< name among figure_names()
  double value = 0;
  bool at_least = false;  ///< else: at most
};

/// How many prefill and decode instances make one unit; none: ordinary instances.
struct PdSplit {
  std::int64_t prefill = 0, decode = 0;
  [[nodiscard]] bool any() const { return prefill > 0; }
  friend bool operator==(const PdSplit&, const PdSplit&) = default;
};

/// Lists in search order. 0 of a limit, empty texts and nothing: as flags and defaults have it.
struct PlanSpace {
  std::vector<std::int64_t> instances{1}, tp{1}, pp{1}, dp{1};
  std::vector<std::optional<std::int64_t>> ep{1};  ///< nothing: all ranks of a group
  std::vector<PdSplit> pd{PdSplit{}};
  std::vector<std::optional<std::int64_t>> max_num_seqs{std::nullopt};
  std::vector<std::optional<std::int64_t>> max_num_batched_tokens{std::nullopt};
  std::vector<std::optional<bool>> chunked_prefill{std::nullopt};
  std::vector<std::string> kv_cache_dtype{""};
};

struct PlanSpec {
  std::string model;
  ParsedFlags flags;
  WorkloadRecipe workload;
  std::vector<PlanLimit> limits;  ///< at least one
  ServiceLevel promise;           ///< of a good request
  std::vector<PlanHardware> hardware;
  PlanSpace space;
  std::int64_t seeds = 3;
  double precision = 0.05;
};

/// Throws UserError: unknown keys, empty lists, no limit, no hardware, a rate that is not known.
[[nodiscard]] PlanSpec read_plan_spec(const std::filesystem::path& file);
[[nodiscard]] PlanSpec parse_plan_spec(const JsonDocument& document);

}  // namespace lockstep
