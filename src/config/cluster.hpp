// The cluster after its file was read, checked and resolved: instances with all degrees, the
// derived topology, NPU ids, memory tiers. Everything later reads this and never the JSON.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "config/autoscaling.hpp"
#include "config/engine_terms.hpp"
#include "config/fidelity.hpp"
#include "config/instance_failure.hpp"
#include "config/network_settings.hpp"
#include "config/pim_device.hpp"
#include "config/placement.hpp"
#include "config/power_config.hpp"
#include "config/run_options.hpp"
#include "config/serving_features.hpp"
#include "config/step_calibration.hpp"
#include "model/data_type.hpp"
#include "model/description/model_description.hpp"
#include "model/description/parallel_split.hpp"
#include "model/model_config.hpp"

namespace lockstep {

enum class PdType : std::uint8_t { none, prefill, decode };

/// Which network dimensions a collective spans, innermost first. Not given: all of them.
struct DimMask {
  std::uint8_t count = 0;  ///< 0: no mask
  std::uint32_t bits = 0;  ///< bit d: dimension d takes part
  [[nodiscard]] bool given() const { return count != 0; }
  [[nodiscard]] bool involves(std::size_t dim) const { return ((bits >> dim) & 1U) != 0; }
  [[nodiscard]] static DimMask of(const std::vector<bool>& dims);
  friend bool operator==(const DimMask&, const DimMask&) = default;
};
/// "1,0"; empty when not given.
[[nodiscard]] std::string to_string(const DimMask& mask);

/// Bandwidth and latency of one memory level as its file gives them.
struct MemoryFigures {
  double size_gb = 0;    ///< of 2^30 bytes
  double bandwidth = 0;  ///< GB/s of 10^9 bytes, that is bytes a ns
  double latency = 0;    ///< ns
};

/// One serving replica, all settings resolved (instance key over flag over default).
struct Instance {
  std::int32_t id = 0;
  std::int32_t node = 0;
  std::shared_ptr<const ModelConfig> model;
  /// Its steps are put together operation by operation, from this; null: layer by layer.
  std::shared_ptr<const ModelDescription> description{};
  std::string hardware;
  MemoryFigures npu_mem;
  double mem_util = 0.9;

  std::int64_t num_npus = 1;  ///< tp * pp, without the receivers of a prefill instance
  std::int64_t tp = 1;
  std::int64_t pp = 1;
  std::int64_t ep = 1;        ///< as configured
  std::int64_t ep_total = 1;  ///< expert-parallel degree over the whole DP group
  std::int64_t local_ep = 1;  ///< expert-parallel ranks of this instance
  PdType pd = PdType::none;
  std::optional<std::int32_t> dp_group;  ///< index into Cluster::dp_groups
  std::int32_t first_npu = 0;
  DimMask tp_mask;
  DimMask ep_mask;
  Placement placement;

  std::int64_t max_num_seqs = 128;             ///< 0: no limit
  std::int64_t max_num_batched_tokens = 2048;  ///< 0: no limit (before the context-length cap)
  std::int64_t long_prefill_token_threshold = 0;
  std::int64_t block_size = 16;
  DataType dtype = DataType::bfloat16;
  KvCacheType kv_cache_dtype = KvCacheType::automatic;
  bool enable_chunked_prefill = true;
  bool enable_prefix_caching = true;
  bool reserve_full_isl = true;
  bool enable_local_offloading = false;
  bool enable_attn_offloading = false;
  bool enable_sub_batch_interleaving = false;
  bool enable_block_copy = true;
  ServingFeatures features;

  EngineTerms terms;                                ///< of the modelled engine
  std::shared_ptr<const StepTerms> calibration;     ///< null: none
  std::optional<std::int64_t> num_gpu_blocks;       ///< KV blocks; none: what memory allows
  std::vector<std::int64_t> capture_sizes{};        ///< tokens of captured graphs, ascending
  KvTransfer kv_transfer = KvTransfer::layer_wise;  ///< of a prefill instance
  std::vector<InstanceFailure> failures{};          ///< by time

  /// How a described model lies on the ranks of its instance, or of its group.
  [[nodiscard]] ParallelSplit split() const {
    return ParallelSplit::of(tp, std::max<std::int64_t>(ep_total / local_ep, 1), ep_total > 1, pp);
  }
  /// Steps in flight at most.
  [[nodiscard]] std::int64_t max_in_flight() const {
    return pp > 1 ? pp : (terms.async_scheduling ? 2 : 1);
  }
  /// NPUs it occupies in the simulation: twice num_npus for prefill (the second half receives).
  [[nodiscard]] std::int64_t width() const {
    return pd == PdType::prefill ? 2 * num_npus : num_npus;
  }
  [[nodiscard]] std::int32_t end_npu() const {
    return first_npu + static_cast<std::int32_t>(width()) - 1;
  }
  [[nodiscard]] std::int64_t fp() const { return bytes_per_element(dtype); }
  [[nodiscard]] std::int64_t kv_fp() const { return kv_bytes_per_element(dtype, kv_cache_dtype); }
};

struct Node {
  MemoryFigures cpu_mem;  ///< bandwidth and latency replaced by the PIM device's when offloading
  std::optional<PimDevice> pim;
  std::optional<PowerConfig> power;
};

struct CxlMemory {
  MemoryFigures figures;  ///< size_gb is the total, not per device
  std::int64_t num_devices = 1;
};

struct DpGroup {
  std::string name;
  std::vector<std::int32_t> members;  ///< instance ids in order
};

struct NetworkDims {
  std::vector<std::int64_t> npus;  ///< innermost first
  std::vector<double> bandwidth;   ///< GB/s of 2^30 bytes, per dimension
  std::vector<double> latency;     ///< ns, per dimension
};

/// NPUs that talk to each other and to no others, in a grid of their own: NPU r has the
/// coordinates of r - first_npu in `dims`. The masks of its instances refer to `dims`.
struct NetworkIsland {
  std::int32_t first_npu = 0;
  std::int64_t num_npus = 1;
  NetworkDims dims;
};

struct Cluster {
  std::vector<Node> nodes;
  std::vector<Instance> instances;
  std::vector<DpGroup> dp_groups;
  std::optional<CxlMemory> cxl;
  /// The grid of all NPUs. With more than one island it is one flat dimension that stands for the
  /// total only; collectives then run in the islands.
  NetworkDims network;
  /// In NPU order, at least one. One island that equals `network` is the usual case; several when
  /// instances or DP groups of unlike shapes do not fit into one grid.
  std::vector<NetworkIsland> islands;
  NetworkSettings network_settings;        ///< of all islands
  std::optional<Autoscaling> autoscaling;  ///< none: all instances run all the time
  double local_mem_bandwidth = 0;  ///< GB/s that prices reductions (first instance, last node)
  bool local_offloading = false;   ///< the flag, or some instance: weights through the local tier
  bool attn_offloading = false;    ///< the flag, or some instance: attention computed in memory
  bool power = false;              ///< every node has a power block
  std::vector<std::string> warnings;  ///< what was ignored or replaced, in reading order

  [[nodiscard]] std::int64_t total_npus() const;
};

/// Folders that names in the files are looked up in.
struct SearchPaths {
  std::vector<std::filesystem::path> models;
  std::vector<std::filesystem::path> pim;
};

/// Gives every instance the terms of its hardware, model and plan, where there are some.
void calibrate(Cluster& cluster, const std::shared_ptr<const StepCalibration>& calibration);

/// Reads, checks and resolves a cluster file. Throws UserError naming file and JSON path.
[[nodiscard]] Cluster load_cluster(const std::filesystem::path& file, const RunOptions& options,
                                   const SearchPaths& paths);

/// As load_cluster, from JSON text; `name` stands for the file in messages.
[[nodiscard]] Cluster parse_cluster(std::string_view json, std::string name,
                                    const RunOptions& options, const SearchPaths& paths);

}  // namespace lockstep
