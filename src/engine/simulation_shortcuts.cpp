// What of a run need not be simulated, because nobody could tell.
#include <algorithm>

#include "base/numeric.hpp"
#include "engine/recurrence.hpp"
#include "engine/simulation.hpp"

namespace lockstep {

/// Polls of a quiet cluster change nothing until an NPU finishes or the next cause comes, so they
/// need not be made; but standby energy is booked at each.
bool Simulation::polls_may_be_skipped() const {
  return !power_ && !observer_.wants_polls();
}

/// The NPUs of one instance are free together, but for the beginning and the end of a step. In
/// front of others a free one may hear of a request in the middle of another's layer, and standby
/// power is booked whenever a free NPU asks.
Folding Simulation::folding_of(const DeviceSimulatorSpec& devices) const {
  if (!options_.fold_layers || observer_.device_listener() != nullptr ||
      observer_.wants_programs()) {
    return Folding::none;
  }
  // Whom of two companies that ask at one time the host serves first depends on which of them began
  // to wait first, and copies that were left out would have settled that.
  if (devices.companies.size() > 1 && !host_has_no_data()) {
    return Folding::none;
  }
  if (!polls_may_be_skipped() || !instances_are_alone() || devices.companies.empty()) {
    return Folding::loops;
  }
  const bool single = std::ranges::all_of(
      cluster_.instances, [](const Instance& instance) { return instance.width() == 1; });
  return single ? Folding::everything : Folding::layers;
}

/// Nobody waits for the times of single messages, and no memory serves the NPUs of a ring one after
/// the other, in an order that is that of their last messages.
bool Simulation::rings_may_be_closed() const {
  return options_.fold_layers && polls_may_be_skipped() && !policy_.arrivals_wait_for_events &&
         observer_.device_listener() == nullptr && host_holds_ids_only();
}

/// What one of them does, and when, is nothing to the NPUs of another.
bool Simulation::instances_are_alone() const {
  return cluster_.instances.size() == 1 ||
         (!policy_.arrivals_wait_for_events && !cluster_.network_settings.congestion_aware &&
          host_holds_ids_only() && std::ranges::all_of(cluster_.instances, [](const auto& i) {
            return i.pd == PdType::none && !i.dp_group;
          }));
}

bool Simulation::host_holds_ids_only() const {
  return !policy_.token_ids_queue && host_has_no_data();
}

/// Neither cache nor weights.
bool Simulation::host_has_no_data() const {
  return std::ranges::all_of(instances_, [](const auto& instance) {
    return instance->scheduler().kv().lower() == nullptr &&
           instance->config().placement.all_local() && !instance->config().enable_attn_offloading;
  });
}

/// Steps, or waves, of decodes that are like others are left out from now on where that is safe.
void Simulation::run_ahead(const DeviceSimulatorSpec& devices) {
  if (!steps_may_be_left_out(devices)) {
    return;
  }
  if (instances_are_alone() && cluster_.dp_groups.empty()) {
    controller_->run_ahead();
    return;
  }
  const MemoryLevelSpec& host = devices.memory.front();
  const bool queues = host.discipline == MemoryLevelSpec::Discipline::per_device;
  // An access of less than what moves in a nanosecond takes none.
  const Bytes untimed{host.latency < 1 ? truncate(host.bandwidth) - 1 : -1};
  controller_->run_waves_ahead(queues ? untimed : Bytes::max());
}

/// All instances are members of one group, in order, an NPU each.
bool Simulation::one_group_is_all() const {
  return cluster_.dp_groups.size() == 1 &&
         std::ranges::is_sorted(cluster_.dp_groups.front().members) &&
         std::ranges::all_of(cluster_.instances, [](const Instance& instance) {
           return instance.dp_group && instance.width() == 1;
         });
}

/// Nobody hears of single steps, nothing outside of an instance's own NPUs, or of its group's, has
/// a part in them, and everybody's attention lies on the way from the beginning of a step to its
/// end.
bool Simulation::steps_may_be_left_out(const DeviceSimulatorSpec& devices) const {
  const bool group = one_group_is_all() && copies_repeat(devices) && !fleet_;
  const bool alone = instances_are_alone() && cluster_.dp_groups.empty();
  if (!(group || alone) || !polls_may_be_skipped() || observer_.wants_batches() ||
      observer_.min_severity() <= LogSeverity::info || options_.strict) {
    return false;
  }
  // Then equal steps choose other experts: the next ones in turn.
  const bool routes_go_on = options_.expert_routing_policy == ExpertRoutingPolicy::round_robin &&
                            !policy_.expert_round_robin_restarts;
  return std::ranges::all_of(cluster_.instances, [=](const Instance& instance) {
    return instance.pp == 1 && instance.pd == PdType::none && !instance.calibration &&
           !instance.features.speculation.on() && !instance.features.lora.on() &&
           !instance.enable_local_offloading && !instance.enable_attn_offloading &&
           !instance.enable_sub_batch_interleaving && instance.placement.all_local() &&
           !(group && instance.description) &&  // layers of several kinds: no member leads in all
           !(routes_go_on && instance.model->has_experts());
  });
}

}  // namespace lockstep
