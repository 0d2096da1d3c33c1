// The settings of a run as given on the command line, before per-instance overrides.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "config/engine_terms.hpp"
#include "config/serving_features.hpp"
#include "model/data_type.hpp"
#include "model/expert_routing.hpp"

namespace lockstep {

enum class RoutingPolicy : std::uint8_t { load, round_robin, random, custom, prefix, session };
/// When the KV of a prompt leaves a prefill instance: that of a layer when the layer is computed,
/// or that of all layers when the whole prompt is.
enum class KvTransfer : std::uint8_t { layer_wise, whole };
enum class PrefixStorage : std::uint8_t { none, cpu, cxl };
enum class LogLevel : std::uint8_t { warning, info, debug };
enum class LogFormat : std::uint8_t { tree, line };
/// Form of the experts' exchange: all-gather then reduce-scatter, or two all-to-alls.
enum class ExpertExchange : std::uint8_t { all_gather_reduce_scatter, all_to_all };
enum class Fidelity : std::uint8_t { reference, vllm };
/// What the steps of a model are put together from. `automatic`: layers for the models that the
/// layers' model knows, in the types that they are trained in; operations for all others.
enum class StepRule : std::uint8_t { automatic, layers, operations };

struct RunOptions {
  // The flags that the field knows (defaults are its defaults).
  std::string cluster_config = "configs/cluster/single_node_single_instance.json";
  std::int64_t max_num_seqs = 128;             ///< 0: no limit
  std::int64_t max_num_batched_tokens = 2048;  ///< 0: the model's context length
  std::int64_t long_prefill_token_threshold = 0;
  std::optional<DataType> dtype;
  RoutingPolicy request_routing_policy = RoutingPolicy::load;
  ExpertRoutingPolicy expert_routing_policy = ExpertRoutingPolicy::balanced;
  bool enable_block_copy = true;
  bool enable_prefix_caching = true;
  bool enable_chunked_prefill = true;
  bool enable_prefix_sharing = false;
  PrefixStorage prefix_storage = PrefixStorage::none;
  bool enable_local_offloading = false;
  bool enable_attn_offloading = false;
  bool enable_sub_batch_interleaving = false;
  bool reserve_full_isl = true;
  double npu_memory_utilization = 0.9;
  std::int64_t block_size = 16;
  std::optional<std::string> dataset;
  std::optional<std::string> output;
  std::optional<std::string> run_id;
  std::optional<std::string> inputs_root;
  bool cleanup_inputs = true;
  bool skip_prefill = false;
  std::int64_t num_reqs = 0;  ///< lines of the dataset; <= 0: all
  double log_interval = 1.0;  ///< simulated seconds
  LogLevel log_level = LogLevel::warning;
  KvCacheType kv_cache_dtype = KvCacheType::automatic;
  std::string network_backend = "analytical";

  // Our own.
  Fidelity fidelity = Fidelity::reference;  ///< at the command line vllm is the default
  ExpertExchange expert_exchange = ExpertExchange::all_gather_reduce_scatter;
  double cache_threshold = 0.3;             ///< RoutingPolicy::prefix: share of a prompt
  std::int64_t balance_abs_threshold = 64;  ///< requests
  double balance_rel_threshold = 1.5;       ///< times the least number of requests
  KvTransfer kv_transfer = KvTransfer::layer_wise;
  EngineTerms engine_terms = EngineTerms::all();           ///< under Fidelity::vllm
  std::optional<std::int64_t> num_gpu_blocks_override;     ///< KV blocks of an instance
  std::optional<std::int64_t> max_cudagraph_capture_size;  ///< 0: no graphs
  std::optional<std::string> calibration;                  ///< file of step terms
  StepRule kernel_times = StepRule::automatic;             ///< under Fidelity::vllm
  ServingFeatures features;
  LogFormat log_format = LogFormat::tree;
  std::optional<std::string> perf_dir;   ///< root of the kernel-time bundles
  std::optional<std::string> model_dir;  ///< root of the model configs
  std::optional<std::string> pim_dir;    ///< root of the PIM descriptions
  bool fold_layers = true;               ///< equal layers are simulated until they repeat
  bool strict = false;                   ///< fallbacks and ignored flags are errors
};

}  // namespace lockstep
