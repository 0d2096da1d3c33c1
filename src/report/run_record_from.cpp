#include "report/run_record_from.hpp"

#include <fmt/format.h>

namespace lockstep {
namespace {

InstanceRecord of_instance(const Instance& instance, const Cluster& cluster,
                           const NpuKvLayout& kv) {
  InstanceRecord record;
  record.id = instance.id;
  record.node = instance.node;
  record.model = instance.model->name;
  record.hardware = instance.hardware;
  if (instance.pd != PdType::none) {
    record.role = instance.pd == PdType::prefill ? "prefill" : "decode";
  }
  if (instance.dp_group) {
    record.dp_group = cluster.dp_groups[static_cast<std::size_t>(*instance.dp_group)].name;
  }
  record.tp = instance.tp;
  record.pp = instance.pp;
  record.ep = instance.ep_total;
  record.first_npu = instance.first_npu;
  record.npus = instance.width();
  record.capacity_bytes = kv.capacity.count();
  record.weight_bytes = kv.weight_bytes.count();
  record.kv_blocks = kv.blocks;
  record.block_size = kv.block_size;
  record.block_bytes = kv.bytes_per_block.count();
  return record;
}

RequestRecord of_request(const Request& request, const std::string& model) {
  RequestRecord record;
  record.id = request.id;
  record.instance = request.instance;
  record.model = model;
  record.input = request.input;
  record.output = request.output - request.input;
  record.arrival = request.arrival.count();
  record.end = request.end_time.count();
  record.latency = request.latency.count();
  record.queue = request.queuing_delay.count();
  record.ttft = request.ttft.count();
  record.tpot = request.tpot.count();
  record.itl.reserve(request.itl.size());
  for (const Nanos gap : request.itl) {
    record.itl.push_back(gap.count());
  }
  if (request.source != nullptr) {
    record.session = request.source->session;
    record.call = request.source->session_call;
    record.tool = request.source->tool_duration.count();
  }
  return record;
}

}  // namespace

RunRecord record_of(const RunResult& result, const Cluster& cluster, const RunOptions& options,
                    std::span<const NpuKvLayout> capacities) {
  RunRecord record;
  record.live = true;
  record.cluster_config = options.cluster_config;
  record.dataset = options.dataset.value_or("");
  record.fidelity = options.fidelity == Fidelity::reference ? "reference" : "vllm";
  if (options.fidelity == Fidelity::vllm) {
    record.engine_terms = to_string(options.engine_terms);
    record.calibration = options.calibration.value_or("");
  }
  record.log_interval = options.log_interval;
  record.title = std::filesystem::path(options.cluster_config).stem().string();
  record.total_ns = result.total_clocks.count();
  for (std::size_t i = 0; i < cluster.instances.size(); ++i) {
    record.instances.push_back(of_instance(cluster.instances[i], cluster, capacities[i]));
  }
  for (const auto& done : result.done) {
    for (const Request* request : done) {
      const auto instance = static_cast<std::size_t>(request->instance);
      record.requests.push_back(of_request(*request, cluster.instances[instance].model->name));
    }
  }
  record.prompt_tokens = result.prompt_tokens;
  record.preemptions = result.preemptions;
  record.recompute_tokens = result.recompute_tokens;
  record.total_steps = result.steps;
  record.prefix_caching = result.prefix.any_caching;
  record.prefix_requested = result.prefix.requested;
  record.prefix_npu_hit = result.prefix.npu_hit;
  record.prefix_lower_hit = result.prefix.lower_hit;
  record.fleet = result.fleet;
  record.lookups = result.lookups;
  record.kernel_time_sources = result.kernel_time_sources;
  if (!result.energy.empty()) {
    EnergyRecord& energy = record.energy.emplace();
    energy.total = result.total_energy;
    for (const NodeEnergy& node : result.energy) {
      energy.nodes.push_back(node.components);
    }
    energy.power = result.interval_power;
  }
  return record;
}

}  // namespace lockstep
