#include "engine/simulation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "engine/device_spec.hpp"
#include "engine/result_collection.hpp"
#include "iteration/unsplit_decodes.hpp"
#include "perf/gpu_facts.hpp"

namespace lockstep {
namespace {

/// What goes wrong in there is a matter of the cluster file.
template <typename Make>
auto in_cluster_file(const RunOptions& options, const Make& make) {
  try {
    return make();
  } catch (const UserError& error) {
    throw UserError(error.problem(), {options.cluster_config, 0, error.where().path}, error.mend());
  }
}

std::optional<AllReduceCurve> all_reduce_of(const Instance& instance, const Cluster& cluster,
                                            GpuCatalog& gpus) {
  if (!instance.terms.collective_curves || instance.tp == 1) {
    return std::nullopt;
  }
  const auto gpu = gpus.find(instance.hardware);
  // Links of a cluster file are in GB of 2^30 bytes.
  const double link = cluster.network.bandwidth.front() * static_cast<double>(kGiB) / 1e9;
  return gpu ? find_curve(gpu->all_reduce, instance.tp, link) : std::nullopt;
}

}  // namespace

Simulation::~Simulation() = default;

Simulation::Simulation(const Cluster& cluster, const RunOptions& options, RequestsOfRun requests,
                       KernelTimeLibrary& kernel_times, RunObserver& observer)
    : cluster_(cluster),
      options_(options),
      policy_(FidelityPolicy::for_mode(options.fidelity)),
      observer_(observer) {
  if (cluster.power) {
    power_ = std::make_unique<PowerModel>(cluster, policy_);
  }
  DeviceListener* const listener = observer.device_listener();
  DeviceSimulatorSpec devices = device_spec(cluster, policy_);
  make_instances(options, kernel_times);
  std::vector<Scheduler*> schedulers;
  for (auto& instance : instances_) {
    schedulers.push_back(&instance->scheduler());
    const Instance& config = instance->config();
    const PolledNpu start{config.first_npu, config.id};
    start_list_.push_back(start);
    if (config.width() > 1) {
      end_list_.push_back({config.end_npu(), config.id});
    }
  }
  router_ = std::make_unique<Router>(std::move(schedulers), options.request_routing_policy,
                                     PrefixRouting::of(options));
  load(requests);
  if (host_holds_ids_only()) {
    devices.memory.front().discipline = MemoryLevelSpec::Discipline::per_npu;
  }
  // Standby energy is summed up in the pieces in which it is booked.
  devices.skipped_times_matter = !instances_are_alone() || !polls_may_be_skipped();
  devices.rings_in_closed_form = rings_may_be_closed();
  const Folding folding = folding_of(devices);
  if (folding == Folding::none) {
    devices.companies.clear();  // nothing will repeat
  }
  for (auto& instance : instances_) {
    instance->fold(folding);
  }
  device_ = std::make_unique<DeviceSimulator>(devices);
  device_->listen(listener);
  controller_ = std::make_unique<Controller>(cluster, options, policy_, instances_, *router_,
                                             power_.get(), observer);
  held_.resize(instances_.size());
  set_up_fleet();
  if (folding != Folding::none) {
    run_ahead(devices);
  }
  if (options.fold_layers && !fleet_ && polls_may_be_skipped()) {
    ask_changed_only();
  }
}

void Simulation::make_instances(const RunOptions& options, KernelTimeLibrary& kernel_times) {
  const auto pools = make_prefix_pools(cluster_, options, warnings_, policy_);
  TraceSettings settings{options.expert_routing_policy,
                         options.expert_exchange,
                         policy_.single_block_without_copy,
                         policy_,
                         {},
                         {}};
  GpuCatalog gpus;  // reads its files when it is asked first
  for (const Instance& instance : cluster_.instances) {
    const auto& pool = pools[static_cast<std::size_t>(instance.id)];
    KVCacheManager kv =
        in_cluster_file(options, [&] { return make_kv_cache_manager(instance, pool, policy_); });
    kv_capacity_.push_back(kv.layout());
    auto times = kernel_times.times_for(instance);
    const std::string source = times->description();
    if (std::find(sources_.begin(), sources_.end(), source) == sources_.end()) {
      sources_.push_back(source);
    }
    settings.all_reduce = all_reduce_of(instance, cluster_, gpus);
    settings.decode_blocks = decode_blocks_of(instance, gpus);
    settings.described = described_settings_of(instance, cluster_, gpus);
    settings.lora = in_cluster_file(options, [&] { return lora_times_of(instance, gpus); });
    instances_.push_back(std::make_unique<ServingInstance>(
        cluster_, instance, policy_, std::move(kv), std::move(times), settings, observer_));
  }
  const auto& notes = kernel_times.warnings();
  warnings_.insert(warnings_.end(), notes.begin(), notes.end());
}

void Simulation::announce_workload() {
  if (!options_.dataset || observer_.min_severity() > LogSeverity::info) {
    return;
  }
  observer_.on_log({LogSeverity::info, "Router", -1, -1,
                    fmt::format("Loaded {} requests into pending queue ({} agentic sessions "
                                "deferred)",
                                router_->num_pending(), router_->num_sessions_open())});
}

void Simulation::start_opening_event() {
  const Nanos alarm = opening_alarm();
  for (std::int64_t npu = 0; npu < device_->num_npus(); ++npu) {
    device_->start(
        std::make_shared<const NpuGraph>(event_graph(static_cast<std::int32_t>(npu), alarm)));
  }
}

Scheduler& Simulation::scheduler(std::size_t instance) {
  return instances_.at(instance)->scheduler();
}

void Simulation::admit_by(AdmissionPolicy* policy) {
  for (auto& instance : instances_) {
    instance->scheduler().decide_by(policy);
  }
}

RunResult Simulation::run() {
  while (advance()) {
  }
  return collect();
}

bool Simulation::advance() {
  if (over_) {
    return false;
  }
  if (!begun_) {
    begun_ = true;
    start_opening_event();
  }
  advance_clock();
  check_clock();
  attend_fleet();
  const std::int64_t before = controller_->activity();
  over_ = !poll_all();
  turn_off_drained();
  quiet_ = controller_->activity() == before && !std::exchange(launched_held_, false);
  settled_ = quiet_ || (asks_ && !asks_->anybody_due());
  return !over_;
}

void Simulation::log_iteration(std::int32_t npu, std::int64_t iteration) {
  if (observer_.min_severity() > LogSeverity::info) {
    return;
  }
  const Nanos now = device_->now();
  observer_.on_log(
      {LogSeverity::info, "Controller", -1, -1,
       fmt::format("NPU[{}] iteration {} finished, {} cycles, exposed communication "
                   "{} cycles.",
                   npu, iteration, now.count(), device_->exposed_communication(npu).count())});
}

void Simulation::report_stuck() {
  const std::string waits = device_->describe_waits();
  std::string text = fmt::format("nothing can move any more at {} ns", device_->now().count());
  text += controller_->describe_blocked(device_->now());
  text += describe_fleet();
  if (!waits.empty()) {
    text += "\n" + waits;
  }
  throw UserError(text, {options_.cluster_config, 0, ""},
                  "see above who waits for whom; a request that no instance can admit needs more "
                  "KV memory, a larger --max-num-batched-tokens or chunked prefill");
}

RunResult Simulation::collect() {
  RunResult result;
  result.total_clocks = device_->now();
  result.requests = controller_->requests();
  result.prompt_tokens = controller_->prompt_tokens();
  result.generated_tokens = controller_->generated_tokens();
  result.steps = controller_->steps();
  result.interval_throughput = controller_->interval_throughput();
  result.kernel_time_sources = sources_;
  if (fleet_) {
    result.fleet = fleet_use();
  }
  collect_instances(instances_, options_, result);
  if (const RequestStream* stream = router_->streamed()) {
    result.input_tokens = stream->released_input();
  }
  collect_energy(cluster_, power_.get(), result);
  return result;
}

}  // namespace lockstep
