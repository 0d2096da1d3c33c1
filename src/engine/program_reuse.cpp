#include "engine/program_reuse.hpp"

#include <algorithm>

#include "model/layer.hpp"

namespace lockstep {

bool steps_repeat(const Instance& instance, const TraceSettings& settings) {
  const bool routes_go_on = settings.expert_routing == ExpertRoutingPolicy::round_robin &&
                            !settings.fidelity.expert_round_robin_restarts;
  return !instance.features.speculation.on() && !instance.features.lora.on() && instance.pp == 1 &&
         instance.pd != PdType::prefill && !instance.calibration &&
         !instance.enable_attn_offloading && !instance.enable_sub_batch_interleaving &&
         !instance.description &&  // what looks back has several names
         !(routes_go_on && instance.model->has_experts());
}

std::optional<StepKey> step_key(const Batch& batch, const BatchShape& shape,
                                std::int64_t wave_len) {
  if (batch.num_prefill > 0 || shape.attention.prefill_chunk > 0 || batch.load > Bytes{0} ||
      batch.pd_kv_send_tokens > 0) {
    return std::nullopt;
  }
  return StepKey{batch.total_len, std::ssize(batch.entries), batch.num_decode,
                 wave_len,        batch.wave_tokens,         batch.graph,
                 batch.dummy};
}

std::list<Program>::iterator find_reusable(std::list<Program>& spare, const StepKey& key) {
  return std::ranges::find_if(spare, [&](const Program& program) {
    return program.reusable && program.key == key &&
           std::ranges::all_of(program.graphs,
                               [](const auto& graph) { return graph.use_count() == 1; });
  });
}

void retime(Program& program, Nanos attention) {
  for (const GraphBuilder::Place& place : program.attention_nodes) {
    NpuGraph& graph = *program.graphs[static_cast<std::size_t>(place.graph)];
    graph.nodes[static_cast<std::size_t>(place.node)].duration += attention - program.attention;
  }
  program.attention = attention;
}

void make_reusable(Program& program, const StepKey& key, const IterationTrace& trace,
                   const GraphBuilder& graphs) {
  const std::string_view name = layer_name(Layer::attention);
  program.attention = Nanos{0};
  for (const TraceSegment& segment : trace.segments) {
    for (const TraceRow& row : segment.rows) {
      program.attention = row.name == name ? row.comp_time : program.attention;
    }
  }
  graphs.find_computations(name, program.graphs, program.attention_nodes);
  program.reusable = program.attention > Nanos{0} && !program.attention_nodes.empty();
  program.key = key;
}

}  // namespace lockstep
