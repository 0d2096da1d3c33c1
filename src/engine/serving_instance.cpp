#include "engine/serving_instance.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "engine/program_reuse.hpp"
#include "iteration/trace_shape.hpp"
#include "iteration/trace_stretch.hpp"

namespace lockstep {
namespace {

/// Books what a trace says on the node of its instance.
class InstanceEnergy final : public EnergySink {
public:
  InstanceEnergy(PowerModel& power, const Instance& instance)
      : power_(power), instance_(instance) {}
  void npu_active(Nanos latency) override { power_.npu_active(instance_, latency); }
  void dram(double bytes) override { power_.dram(instance_, bytes); }
  void link(double bytes) override { power_.link(instance_, bytes); }
  void pim_active(double latency_ns) override { power_.pim_active(instance_, latency_ns); }

private:
  PowerModel& power_;
  const Instance& instance_;
};

}  // namespace

ServingInstance::ServingInstance(const Cluster& cluster, const Instance& instance,
                                 const FidelityPolicy& policy, KVCacheManager kv,
                                 std::shared_ptr<const KernelTimes> times, TraceSettings settings,
                                 RunObserver& observer)
    : instance_(instance),
      scheduler_(instance, policy, std::move(kv)),
      traces_(cluster, instance, std::move(times), settings),
      observer_(observer),
      host_(cluster, instance),
      graph_context_{instance.num_npus,
                     instance.first_npu,
                     instance.enable_local_offloading,
                     !policy.experts_overlap_dispatch,
                     !policy.pim_breaks_the_chain,
                     Folding::none,
                     instance.kv_transfer == KvTransfer::whole},
      steps_repeat_(steps_repeat(instance, settings)) {}

const Program& ServingInstance::generate(const Batch& batch, std::int64_t wave_len, Nanos now,
                                         PowerModel* power) {
  const BatchShape shape = shape_of(batch, instance_.enable_attn_offloading);
  const bool repeats =
      steps_repeat_ && graph_context_.folding != Folding::none && host_is_out(batch, now);
  const auto key = repeats ? step_key(batch, shape, wave_len) : std::nullopt;
  if (key && power == nullptr) {
    const auto known = find_reusable(spare_, *key);
    if (known != spare_.end()) {
      return take_again(known, batch, shape);
    }
  }
  build_trace(batch, wave_len, now, power);
  if (spare_.empty()) {
    spare_.emplace_back();
  }
  Program& program = spare_.front();
  program.batch_id = batch.id;
  program.reusable = false;
  graphs_.build(trace_, graph_context_, program.graphs);
  program.attention_rows = traces_.attention_rows();
  program.other_lookups = traces_.other_lookups();
  if (key) {
    make_reusable(program, *key, trace_, graphs_);
  }
  programs_.splice(programs_.end(), spare_, spare_.begin());
  if (observer_.wants_programs()) {
    observer_.on_program(batch, trace_, programs_.back());
  }
  return programs_.back();
}

void ServingInstance::build_trace(const Batch& batch, std::int64_t wave_len, Nanos now,
                                  PowerModel* power) {
  if (power != nullptr) {
    InstanceEnergy sink(*power, instance_);
    traces_.build(batch, wave_len, trace_, &sink);
  } else {
    traces_.build(batch, wave_len, trace_, nullptr);
  }
  if (instance_.calibration) {
    lengthen(instance_.calibration->extra(batch.step), power);
  }
  if (instance_.terms.host_launches && instance_.description) {
    wait_for_host(batch, now);
  } else if (instance_.terms.host_launches && instance_.pp == 1) {
    lengthen(host_.delay(batch, trace_, now), power);
  }
}

/// In front of the head: the last row hands over what was sampled.
void ServingInstance::wait_for_host(const Batch& batch, Nanos now) {
  const HostLaunches::Wait wait = host_.wait(batch, trace_, now);
  TraceRow row;
  row.name = kHostRow;
  row.comp_time = wait.time;
  row.launch_time = Nanos{0};
  std::vector<TraceRow>& head = trace_.segments.back().rows;
  head.insert(head.begin(), row);
  engine_decides_ = wait.for_engine;
}

const Program& ServingInstance::take_again(std::list<Program>::iterator known, const Batch& batch,
                                           const BatchShape& shape) {
  const KernelTime attention = traces_.decode_attention(shape);
  retime(*known, attention.time);
  if (instance_.terms.host_launches) {
    host_.launch_graph(batch);
  }
  known->batch_id = batch.id;
  traces_.count(known->other_lookups, attention.source, known->attention_rows);
  programs_.splice(programs_.end(), spare_, known);
  return *known;
}

const Program& ServingInstance::known_program(const Batch& batch, const StepForm& form) {
  const KernelTime attention = traces_.decode_attention(shape_of(batch, false));
  if (instance_.terms.host_launches) {
    host_.launch_graph(batch);
  }
  count_lookups(form, attention.source);
  if (spare_known_.empty()) {
    Program& made = spare_known_.emplace_back();
    made.known = true;
    for (std::int32_t npu = instance_.first_npu; npu <= instance_.end_npu(); ++npu) {
      made.graphs.push_back(std::make_shared<NpuGraph>(event_graph(npu, Nanos{0})));
    }
  }
  programs_.splice(programs_.end(), spare_known_, spare_known_.begin());
  Program& program = programs_.back();
  program.batch_id = batch.id;
  for (const auto& graph : program.graphs) {
    graph->nodes.front().duration = form.time(attention.time);
  }
  return program;
}

bool ServingInstance::host_is_out(const Batch& batch, Nanos now) const {
  return !instance_.terms.host_launches || (batch.graph == GraphUse::full && host_.free(now));
}

bool ServingInstance::plain_decodes(const Batch& batch, Nanos now) const {
  return host_is_out(batch, now) && batch.num_prefill == 0 && !batch.entries.empty() &&
         !batch.dummy && batch.load == Bytes{0};
}

void ServingInstance::learn_from(const Batch& batch, Nanos begin) {
  const Program& program = programs_.back();
  if (program.attention_rows == 0 || engine_decides_ || learnt_.find(batch) != nullptr) {
    return;
  }
  const Nanos attention = traces_.decode_attention(shape_of(batch, false)).time;
  const bool waits = instance_.description && instance_.terms.host_launches;
  learnt_.watch(batch, begin, attention,
                {{},
                 program.attention_rows,
                 program.other_lookups,
                 waits ? host_.least_step(batch) : Nanos{0}});
}

/// The rows' own times are booked when they are made.
void ServingInstance::lengthen(Nanos extra, PowerModel* power) {
  const Nanos before = power != nullptr ? npu_time(trace_) : Nanos{0};
  stretch(trace_, extra);
  if (power != nullptr) {
    power->npu_active(instance_, npu_time(trace_) - before);
  }
}

const Program* ServingInstance::program(std::int64_t batch_id) const {
  const auto found = std::find_if(programs_.begin(), programs_.end(),
                                  [&](const Program& p) { return p.batch_id == batch_id; });
  return found == programs_.end() ? nullptr : &*found;
}

void ServingInstance::drop_program(std::int64_t batch_id) {
  const auto found = std::find_if(programs_.begin(), programs_.end(),
                                  [&](const Program& p) { return p.batch_id == batch_id; });
  if (found != programs_.end()) {
    std::list<Program>& spare = found->known ? spare_known_ : spare_;
    spare.splice(spare.end(), programs_, found);
  }
}

void ServingInstance::lose_programs() {
  programs_.clear();
  learnt_.watch_none();
}

std::shared_ptr<const NpuGraph> ServingInstance::graph(const Program& program,
                                                       std::int32_t npu) const {
  const auto index = static_cast<std::size_t>(npu - instance_.first_npu);
  ensure(index < program.graphs.size(), "the program has no graph for this NPU");
  return program.graphs[index];
}

}  // namespace lockstep
