// The summary for scripts.
#include <nlohmann/json.hpp>
#include <utility>

#include "config/engine_terms.hpp"
#include "report/distribution.hpp"
#include "report/run_json.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

Json distribution_json(const Distribution& values) {
  Json out{{"count", values.count()}};
  if (!values.empty()) {
    out["mean"] = values.mean();
    out["min"] = values.sorted().front();
    out["p50"] = values.quantile(0.5);
    out["p90"] = values.quantile(0.9);
    out["p95"] = values.quantile(0.95);
    out["p99"] = values.quantile(0.99);
    out["max"] = values.sorted().back();
  }
  return out;
}

/// Of the requests of one instance, or of all (-1). What is not set (-1) does not count.
Json latency_json(const RunRecord& record, std::int32_t instance) {
  std::vector<std::int64_t> ttft, tpot, itl, latency, queue;
  const auto add = [](std::vector<std::int64_t>& values, std::int64_t value) {
    if (value >= 0) {
      values.push_back(value);
    }
  };
  for (const RequestRecord& request : record.requests) {
    if (instance >= 0 && request.instance != instance) {
      continue;
    }
    add(ttft, request.ttft);
    add(tpot, request.tpot);
    add(latency, request.latency);
    add(queue, request.queue);
    itl.insert(itl.end(), request.itl.begin(), request.itl.end());
  }
  return {{"ttft_ns", distribution_json(Distribution(std::move(ttft)))},
          {"tpot_ns", distribution_json(Distribution(std::move(tpot)))},
          {"itl_ns", distribution_json(Distribution(std::move(itl)))},
          {"latency_ns", distribution_json(Distribution(std::move(latency)))},
          {"queue_ns", distribution_json(Distribution(std::move(queue)))}};
}

struct Tokens {
  std::int64_t input = 0, generated = 0;
};

Tokens tokens_of(const RunRecord& record) {
  Tokens tokens;
  for (const RequestRecord& request : record.requests) {
    tokens.input += request.input;
    tokens.generated += request.output;
  }
  return tokens;
}

Json throughput_json(const RunRecord& record, const Tokens& tokens) {
  const double seconds = static_cast<double>(record.total_ns) / 1e9;
  const auto rate = [&](std::int64_t count) {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0.0;
  };
  return {{"requests_per_s", rate(static_cast<std::int64_t>(record.requests.size()))},
          {"prompt_tokens_per_s", rate(record.prompt_tokens)},
          {"generated_tokens_per_s", rate(tokens.generated)},
          {"total_tokens_per_s", rate(record.prompt_tokens + tokens.generated)}};
}

Json instance_json(const RunRecord& record, const InstanceRecord& instance) {
  std::int64_t finished = 0;
  for (const RequestRecord& request : record.requests) {
    finished += request.instance == instance.id ? 1 : 0;
  }
  Json out{{"instance", instance.id}, {"model", instance.model}};
  if (record.live) {
    out["hardware"] = instance.hardware;
    out["role"] = instance.role.empty() ? "prefill+decode" : instance.role;
    out["dp_group"] = instance.dp_group.empty() ? Json() : Json(instance.dp_group);
    out["tp"] = instance.tp;
    out["pp"] = instance.pp;
    out["ep"] = instance.ep;
    out["npus"] = instance.npus;
    out["memory"] = {{"capacity_bytes", instance.capacity_bytes},
                     {"weight_bytes", instance.weight_bytes},
                     {"kv_blocks", instance.kv_blocks},
                     {"kv_block_tokens", instance.block_size},
                     {"kv_bytes", instance.kv_blocks * instance.block_bytes}};
  }
  out["requests"] = finished;
  out["latency"] = latency_json(record, instance.id);
  return out;
}

Json energy_json(const EnergyRecord& energy) {
  Json nodes = Json::array();
  for (const auto& components : energy.nodes) {
    Json node;
    for (std::size_t i = 0; i < components.size(); ++i) {
      node[std::string(kEnergyComponents[i]) + "_j"] = components[i];
    }
    nodes.push_back(std::move(node));
  }
  return {{"total_j", energy.total}, {"nodes", std::move(nodes)}, {"power_w", energy.power}};
}

Json network_json(const std::vector<DimensionRecord>& dimensions) {
  Json out = Json::array();
  for (const DimensionRecord& dimension : dimensions) {
    Json by_collective = Json::object();
    for (const auto& [name, time] : dimension.by_collective) {
      by_collective[name] = time;
    }
    out.push_back({{"name", dimension.name},
                   {"npus", dimension.npus},
                   {"phases", dimension.phases},
                   {"npu_ns", dimension.busy_ns},
                   {"sent_bytes", dimension.sent_bytes},
                   {"npu_ns_by_collective", std::move(by_collective)}});
  }
  return out;
}

Json fleet_json(const FleetUse& fleet) {
  if (!fleet.scales) {
    return {{"failures", fleet.failures}, {"moved_requests", fleet.moved_requests}};
  }
  return {{"instance_seconds", fleet.instance_seconds},
          {"started", fleet.starts},
          {"most_on", fleet.most_on}};
}

void add_live(const RunRecord& record, Json& out) {
  if (record.prefix_caching) {
    out["prefix_cache"] = {{"requested_tokens", record.prefix_requested},
                           {"npu_hit_tokens", record.prefix_npu_hit},
                           {"lower_tier_hit_tokens", record.prefix_lower_hit}};
  }
  if (record.fleet) {
    out["fleet"] = fleet_json(*record.fleet);
  }
  out["energy"] = record.energy ? energy_json(*record.energy) : Json();
  if (!record.network.empty()) {
    out["network"] = network_json(record.network);
  }
  out["kernel_times"] = {{"exact", record.lookups.of(TimeSource::exact)},
                         {"interpolated", record.lookups.of(TimeSource::interpolated)},
                         {"extrapolated", record.lookups.of(TimeSource::extrapolated)},
                         {"analytic", record.lookups.of(TimeSource::analytic)},
                         {"sources", record.kernel_time_sources}};
  out["warnings"] = record.warnings;
}

}  // namespace

nlohmann::ordered_json summary_json(const RunRecord& record) {
  const Tokens tokens = tokens_of(record);
  Json out{{"format", "lockstep-summary"}, {"version", 1}};
  if (record.live) {
    out["lockstep"] = record.version;
    out["run_id"] = record.run_id;
    out["fidelity"] = record.fidelity;
    if (!record.engine_terms.empty()) {
      out["engine"] = {
          {"name", "vLLM"}, {"version", kEngineVersion}, {"terms", record.engine_terms}};
      out["engine"]["calibration"] = record.calibration.empty() ? Json() : Json(record.calibration);
    }
    out["cluster_config"] = record.cluster_config;
    out["dataset"] = record.dataset.empty() ? Json() : Json(record.dataset);
    out["partial"] = record.partial;
    out["wall_seconds"] = record.wall_seconds;
  }
  out["simulated_ns"] = record.total_ns;
  out["requests"] = record.requests.size();
  out["input_tokens"] = tokens.input;
  out["prompt_tokens"] = record.prompt_tokens;
  out["generated_tokens"] = tokens.generated;
  if (record.live) {
    out["preemptions"] = record.preemptions;
    out["recomputed_tokens"] = record.recompute_tokens;
    out["steps"] = record.total_steps;
  }
  out["throughput"] = throughput_json(record, tokens);
  out["latency"] = latency_json(record, -1);
  out["instances"] = Json::array();
  for (const InstanceRecord& instance : record.instances) {
    out["instances"].push_back(instance_json(record, instance));
  }
  if (record.live) {
    add_live(record, out);
  }
  if (!record.provenance.empty()) {
    out["provenance"] = provenance_json(record.provenance);
  }
  return out;
}

std::string summary_text(const RunRecord& record) {
  return summary_json(record).dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace lockstep
