#include "energy/power_model.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "base/error.hpp"

namespace lockstep {
namespace {

constexpr double kSecondsPerNano = 1e-9;
constexpr double kJoulesPerPicojoule = 1e-12;
/// The CPU share that drives a busy NPU; a node whose base load is above it pays nothing more.
constexpr double kBusyCpuShare = 0.7;

double seconds(Nanos time) {
  return static_cast<double>(time.count()) * kSecondsPerNano;
}

/// Largest whole number not above a / b. By the remainder, because the quotient itself may have
/// been rounded up to the next whole number.
double floor_divide(double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder != 0.0 && (remainder < 0.0) != (b < 0.0)) {
    remainder += b;
  }
  return std::nearbyint((a - remainder) / b);
}

/// The nearest decimal of two places (exact halves to the even one), read back as a double.
double round_to_cents(double value) {
  std::array<char, 400> text{};
  const auto end = std::to_chars(text.begin(), text.end(), value, std::chars_format::fixed, 2).ptr;
  double rounded = 0.0;
  std::from_chars(text.begin(), end, rounded);
  return rounded;
}

PowerModel::Components base_power_of(const PowerConfig& config) {
  PowerModel::Components power;
  power.base = config.base_node_power;
  for (const auto& [hardware, npu] : config.npu) {
    power.npu += npu.idle * static_cast<double>(npu.num_npus);
  }
  power.cpu = config.cpu_idle + (config.cpu_active - config.cpu_idle) * config.cpu_util;
  power.memory = config.dram_idle * floor_divide(config.dram_mem_size, config.dram_dimm_size);
  power.link = config.link_idle * config.num_links;
  power.nic = config.nic_idle * config.num_nics;
  power.storage = config.storage_idle * config.num_storage;
  return power;
}

const NpuPower& npu_power(const PowerConfig& config, const Instance& instance) {
  const auto found = config.npu.find(instance.hardware);
  ensure(found != config.npu.end(), "power block without the hardware of an instance");
  return found->second;
}

}  // namespace

PowerModel::PowerModel(const Cluster& cluster, const FidelityPolicy& policy)
    : cluster_(cluster),
      standby_shrinks_when_split_(policy.standby_shrinks_when_split),
      cpu_load_adds_up_(policy.cpu_load_adds_up),
      batch_energy_at_dispatch_(policy.batch_energy_at_dispatch),
      increments_(cluster.nodes.size()),
      previous_energy_(cluster.nodes.size(), 0.0) {
  ensure(cluster.power, "power model of a cluster without power blocks");
  base_.reserve(cluster.nodes.size());
  for (const Node& node : cluster.nodes) {
    ensure(node.power.has_value(), "power model of a node without a power block");
    base_.push_back(base_power_of(*node.power));
    const double util = node.power->cpu_util;
    cpus_.emplace_back(std::max(kBusyCpuShare - util, 0.0), std::max(1.0 - util, 0.0));
  }
}

const PowerConfig& PowerModel::config(const Instance& instance) const {
  return *cluster_.nodes[static_cast<std::size_t>(instance.node)].power;
}

PowerModel::Components& PowerModel::increments_of(const Instance& instance) {
  return increments_[static_cast<std::size_t>(instance.node)];
}

const PowerModel::Components& PowerModel::increments(std::int32_t node) const {
  return increments_[static_cast<std::size_t>(node)];
}

const PowerModel::Components& PowerModel::base_power(std::int32_t node) const {
  return base_[static_cast<std::size_t>(node)];
}

void PowerModel::begin_batch(const Instance& instance, Nanos now) {
  batch_begin_ = now;
  batch_length_ = Nanos{0};
  energy_before_ = increments_of(instance).sum();
}

void PowerModel::end_batch(const Instance& instance) {
  const auto node = static_cast<std::size_t>(instance.node);
  const Nanos end = batch_begin_ + batch_length_;
  if (!cpu_load_adds_up_) {
    const PowerConfig& power = config(instance);
    increments_[node].cpu +=
        (power.cpu_active - power.cpu_idle) * cpus_[node].add(batch_begin_, end);
  }
  if (!batch_energy_at_dispatch_ && batch_length_ > Nanos{0}) {
    running_.push_back({node, batch_begin_, end, increments_[node].sum() - energy_before_});
  }
}

double PowerModel::unspent(std::size_t node, Nanos now) const {
  double energy = 0.0;
  for (const Running& batch : running_) {
    if (batch.node == node && batch.end > now) {
      energy += batch.energy * (seconds(batch.end - now) / seconds(batch.end - batch.begin));
    }
  }
  return energy;
}

void PowerModel::npu_active(const Instance& instance, Nanos latency) {
  const PowerConfig& power = config(instance);
  const NpuPower& npu = npu_power(power, instance);
  Components& node = increments_of(instance);
  node.npu += (npu.active - npu.idle) * seconds(latency) * static_cast<double>(instance.tp);
  batch_length_ += latency;
  if (cpu_load_adds_up_) {
    node.cpu += (power.cpu_active - power.cpu_idle) *
                std::max(kBusyCpuShare - power.cpu_util, 0.0) * seconds(latency);
  }
}

void PowerModel::npu_standby(const Instance& instance, Nanos now, Nanos last_end, Nanos last_calc) {
  const NpuPower& npu = npu_power(config(instance), instance);
  const Nanos since_calc = now - last_calc;
  const Nanos since_end = now - last_end;
  double elapsed = 0.0;
  double left = 0.0;
  if (since_end <= since_calc) {
    elapsed = seconds(since_end);
    left = npu.standby_duration;
  } else {
    elapsed = seconds(since_calc);
    // The reference subtracts the whole time since the end, the interval being booked included: a
    // long standby booked in pieces comes out shorter than in one piece.
    const Nanos used = standby_shrinks_when_split_ ? since_end : since_end - since_calc;
    left = std::max(0.0, npu.standby_duration - seconds(used));
  }
  increments_of(instance).npu +=
      (npu.standby - npu.idle) * std::min(elapsed, left) * static_cast<double>(instance.num_npus);
}

void PowerModel::dram(const Instance& instance, double bytes) {
  increments_of(instance).memory +=
      config(instance).dram_energy_per_bit * (8.0 * bytes) * kJoulesPerPicojoule;
}

void PowerModel::link(const Instance& instance, double bytes) {
  increments_of(instance).link +=
      config(instance).link_energy_per_bit * (8.0 * bytes) * kJoulesPerPicojoule;
}

void PowerModel::pim_active(const Instance& instance, double latency_ns) {
  const PowerConfig& power = config(instance);
  increments_of(instance).memory +=
      (power.pim_active_power - power.dram_idle) * (latency_ns * kSecondsPerNano);
}

double PowerModel::interval_power(Nanos now) {
  if (now == previous_time_) {
    return 0.0;
  }
  const double interval = seconds(now - previous_time_);
  double power = 0.0;
  for (std::size_t node = 0; node < previous_energy_.size(); ++node) {
    const double energy = node_energy(static_cast<std::int32_t>(node), now) - unspent(node, now);
    power += round_to_cents((energy - previous_energy_[node]) / interval);
    previous_energy_[node] = energy;
  }
  std::erase_if(running_, [now](const Running& batch) { return batch.end <= now; });
  previous_time_ = now;
  series_.push_back(power);
  return power;
}

PowerModel::Components PowerModel::components(std::int32_t node, Nanos now) const {
  const Components& power = base_power(node);
  const double elapsed = seconds(now);
  Components energy = increments(node);
  energy.base += power.base * elapsed;
  energy.npu += power.npu * elapsed;
  energy.cpu += power.cpu * elapsed;
  energy.memory += power.memory * elapsed;
  energy.link += power.link * elapsed;
  energy.nic += power.nic * elapsed;
  energy.storage += power.storage * elapsed;
  return energy;
}

double PowerModel::node_energy(std::int32_t node, Nanos now) const {
  return increments(node).sum() + base_power(node).sum() * seconds(now);
}

}  // namespace lockstep
