#include "config/cluster_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

template <class Value>
void set_known(Json& object, const char* key, const std::optional<Value>& value) {
  if (value) {
    object[key] = *value;
  }
}

/// The type of the weights: quantized ones count by their width.
std::optional<std::string> weight_type(const ServeArguments& arguments) {
  if (arguments.quantization) {
    const std::string& name = *arguments.quantization;
    return name.find("fp8") != std::string::npos || name == "modelopt" ? "fp8" : "int8";
  }
  if (!arguments.dtype || *arguments.dtype == "auto") {
    return std::nullopt;
  }
  return *arguments.dtype == "half"    ? "float16"
         : *arguments.dtype == "float" ? "float32"
                                       : *arguments.dtype;
}

Json instance_json(const ServeArguments& arguments, const ServerMachine& machine) {
  Json instance{{"model_name", arguments.model},
                {"hardware", machine.hardware},
                {"npu_mem",
                 {{"mem_size", machine.memory_gib},
                  {"mem_bw", machine.memory_bandwidth},
                  {"mem_latency", 0}}},
                {"tp_size", arguments.tp}};
  set_known(instance["npu_mem"], "mem_util", arguments.gpu_memory_utilization);
  if (arguments.pp > 1) {
    instance["pp_size"] = arguments.pp;
  }
  if (arguments.expert_parallel) {
    instance["ep_size"] = arguments.tp * arguments.dp;
  }
  if (arguments.dp > 1) {
    instance["dp_group"] = "A";
  }
  set_known(instance, "max_num_seqs", arguments.max_num_seqs);
  set_known(instance, "max_num_batched_tokens", arguments.max_num_batched_tokens);
  set_known(instance, "long_prefill_token_threshold", arguments.long_prefill_token_threshold);
  set_known(instance, "block_size", arguments.block_size);
  set_known(instance, "num_gpu_blocks", arguments.num_gpu_blocks);
  set_known(instance, "scheduling_policy", arguments.scheduling_policy);
  if (arguments.lora) {  // the engine has room for one unless told otherwise
    instance["max_loras"] = arguments.max_loras.value_or(1);
    set_known(instance, "max_lora_rank", arguments.max_lora_rank);
  }
  set_known(instance, "dtype", weight_type(arguments));
  if (arguments.kv_cache_dtype) {
    instance["kv_cache_dtype"] = arguments.kv_cache_dtype->starts_with("fp8") ? "fp8" : "auto";
  }
  set_known(instance, "enable_chunked_prefill", arguments.chunked_prefill);
  set_known(instance, "enable_prefix_caching", arguments.prefix_caching);
  instance["pd_type"] = nullptr;
  return instance;
}

ServeArguments arguments_of(const Instance& instance) {
  ServeArguments arguments;
  arguments.model = instance.model->name;
  arguments.tp = instance.tp;
  arguments.pp = instance.pp;
  arguments.expert_parallel = instance.model->has_experts() && instance.ep_total > 1;
  if (instance.max_num_seqs > 0) {
    arguments.max_num_seqs = instance.max_num_seqs;
  }
  if (instance.max_num_batched_tokens > 0) {
    arguments.max_num_batched_tokens = instance.max_num_batched_tokens;
  }
  if (instance.long_prefill_token_threshold > 0) {
    arguments.long_prefill_token_threshold = instance.long_prefill_token_threshold;
  }
  arguments.block_size = instance.block_size;
  arguments.num_gpu_blocks = instance.num_gpu_blocks;
  arguments.gpu_memory_utilization = instance.mem_util;
  if (instance.dtype == DataType::fp8) {
    arguments.quantization = "fp8";
  } else if (instance.dtype != DataType::int8) {
    arguments.dtype = std::string(data_type_name(instance.dtype));
  }
  if (instance.kv_cache_dtype == KvCacheType::fp8) {
    arguments.kv_cache_dtype = "fp8";
  }
  if (instance.features.queue_policy == QueuePolicy::priority) {
    arguments.scheduling_policy = "priority";
  }
  if (instance.features.lora.on()) {
    arguments.lora = true;
    arguments.max_loras = instance.features.lora.max_loras;
    arguments.max_lora_rank = instance.features.lora.max_rank;
  }
  arguments.chunked_prefill = instance.enable_chunked_prefill;
  arguments.prefix_caching = instance.enable_prefix_caching;
  return arguments;
}

void note_what_has_no_flag(const Instance& instance, std::vector<std::string>& notes) {
  const auto note = [&](bool is, const char* text) {
    if (is) {
      notes.emplace_back(text);
    }
  };
  note(instance.pd != PdType::none,
       "prefill and decode apart need a KV connector: --kv-transfer-config, and a proxy before "
       "both");
  note(instance.dtype == DataType::int8, "int8 weights need a checkpoint that has them");
  note(instance.enable_local_offloading || instance.enable_attn_offloading,
       "weights or attention in other memory than the GPU's have no counterpart");
  note(instance.features.step_policy != StepPolicy::mixed,
       "step_policy has no flag: the engine mixes prompts and decodes");
  note(instance.features.speculation.on(),
       "speculative decoding needs a draft model: --speculative-config");
  note(!instance.reserve_full_isl, "reserve_full_isl false has no flag of its own");
}

}  // namespace

nlohmann::ordered_json cluster_json(const ServeArguments& arguments, const ServerMachine& machine) {
  Json instances = Json::array();
  for (std::int64_t rank = 0; rank < arguments.dp; ++rank) {
    instances.push_back(instance_json(arguments, machine));
  }
  Json node{{"num_instances", arguments.dp},
            {"cpu_mem",
             {{"mem_size", machine.host_memory_gib},
              {"mem_bw", machine.host_bandwidth},
              {"mem_latency", 0}}},
            {"instances", std::move(instances)}};
  Json out{{"_about", fmt::format("{} on {} x {}", arguments.model,
                                  arguments.tp * arguments.pp * arguments.dp, machine.hardware)}};
  if (!arguments.ignored.empty()) {
    out["_ignored"] = arguments.ignored;
  }
  if (!arguments.assumed.empty()) {
    out["_assumed"] = arguments.assumed;
  }
  if (!arguments.notes.empty()) {
    out["_not_simulated"] = arguments.notes;
  }
  out["num_nodes"] = 1;
  out["_link"] = machine.link_remark;
  out["link_bw"] = machine.link_bandwidth;
  out["link_latency"] = machine.link_latency_ns;
  out["nodes"] = Json::array({std::move(node)});
  return out;
}

namespace {

std::vector<std::int32_t> members_of(const Cluster& cluster, const Instance& instance) {
  return instance.dp_group ? cluster.dp_groups[static_cast<std::size_t>(*instance.dp_group)].members
                           : std::vector<std::int32_t>{instance.id};
}

/// Gives every server its GPUs, node by node in the order of the instances.
void place(const Cluster& cluster, std::vector<ServerOfCluster>& servers) {
  std::map<std::int32_t, std::int64_t> taken;  // by node
  std::map<std::int32_t, std::int64_t> servers_on;
  const auto node_of = [&](std::int32_t id) {
    return cluster.instances[static_cast<std::size_t>(id)].node;
  };
  for (ServerOfCluster& server : servers) {
    const std::int32_t home = node_of(server.instances.front());
    std::set<std::int32_t> nodes;
    for (const std::int32_t id : server.instances) {
      const std::int32_t node = node_of(id);
      nodes.insert(node);
      for (std::int64_t i = 0; i < cluster.instances[static_cast<std::size_t>(id)].num_npus; ++i) {
        const std::int64_t gpu = taken[node]++;
        if (node == home) {
          server.gpus.push_back(gpu);
        }
      }
    }
    for (const std::int32_t node : nodes) {
      ++servers_on[node];
    }
    if (nodes.size() > 1) {
      server.notes.push_back(fmt::format(
          "its members are on {} nodes: start it on each, with --data-parallel-size-local, "
          "--data-parallel-start-rank and --data-parallel-address",
          nodes.size()));
    }
  }
  for (ServerOfCluster& server : servers) {
    server.alone = servers_on[node_of(server.instances.front())] == 1;
  }
}

}  // namespace

std::vector<ServerOfCluster> servers_of(const Cluster& cluster) {
  std::vector<ServerOfCluster> servers;
  for (const Instance& instance : cluster.instances) {
    const std::vector<std::int32_t> members = members_of(cluster, instance);
    if (members.front() != instance.id) {
      continue;  // the first member's server stands for all
    }
    ServerOfCluster& server = servers.emplace_back();
    server.arguments = arguments_of(instance);
    server.instances = members;
    server.arguments.dp = static_cast<std::int64_t>(members.size());
    if (instance.pd != PdType::none) {
      server.role = instance.pd == PdType::prefill ? "prefill" : "decode";
    }
    note_what_has_no_flag(instance, server.notes);
  }
  place(cluster, servers);
  return servers;
}

}  // namespace lockstep
