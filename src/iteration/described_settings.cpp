// How the engine runs a described model on an instance's hardware.
#include <algorithm>

#include "iteration/described_steps.hpp"
#include "steps/gpu_kernels.hpp"

namespace lockstep {
namespace {

bool on_one_node(const Instance& instance, const Cluster& cluster) {
  if (!instance.dp_group) {
    return true;
  }
  const auto& group = cluster.dp_groups[static_cast<std::size_t>(*instance.dp_group)].members;
  return std::ranges::all_of(group, [&](std::int32_t member) {
    return cluster.instances[static_cast<std::size_t>(member)].node == instance.node;
  });
}

}  // namespace

std::optional<DescribedSettings> described_settings_of(const Instance& instance,
                                                       const Cluster& cluster, GpuCatalog& gpus) {
  if (!instance.description) {
    return std::nullopt;
  }
  DescribedSettings settings;
  const auto gpu = gpus.find(instance.hardware);
  settings.options.expert_kernels = usual_expert_kernels(gpu ? gpu->name : instance.hardware);
  if (gpu) {
    take_kernels_of(*gpu, settings.options);
    settings.decode_blocks = gpu->decode_blocks;
  }
  if (!instance.terms.unsplit_decodes) {
    settings.decode_blocks.reset();
    settings.options.split_decodes.reset();
  }
  constexpr double kAlike = 1.25;
  // Links of a cluster file are in GB of 2^30 bytes.
  const double link = cluster.network.bandwidth.front() * static_cast<double>(kGiB) / 1e9;
  settings.measured_collectives =
      instance.terms.collective_curves && gpu && on_one_node(instance, cluster) &&
      link <= gpu->link_gb_s * kAlike && link >= gpu->link_gb_s / kAlike;
  return settings;
}

}  // namespace lockstep
