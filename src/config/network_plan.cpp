#include "config/network_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace lockstep {
namespace {

using Sizes = std::vector<std::int64_t>;

/// A prefill instance counts twice: it has as many receivers as computing NPUs.
std::int64_t weight(const Instance& instance) {
  return instance.pd == PdType::prefill ? 2 : 1;
}

std::int64_t product(const Sizes& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
}

/// Trailing dimensions of one NPU are left out; the first one stays.
Sizes without_trailing_ones(Sizes sizes) {
  while (sizes.size() > 1 && sizes.back() == 1) {
    sizes.pop_back();
  }
  return sizes;
}

/// Dimensions of instances that form no group: [tp, all stages], or [stages, instances] when
/// nothing is tensor-parallel.
Sizes shape_of(const std::vector<const Instance*>& instances) {
  std::int64_t npus = 0;
  std::int64_t stages = 0;
  std::int64_t slots = 0;
  for (const Instance* instance : instances) {
    npus += weight(*instance) * instance->num_npus;
    stages += weight(*instance) * instance->pp;
    slots += weight(*instance);
  }
  return without_trailing_ones(npus == stages ? Sizes{npus / slots, slots}
                                              : Sizes{npus / stages, stages});
}

/// Dimensions of a DP group: [tp, (stages,) (2 for receivers,) members].
Sizes shape_of(const Instance& first, std::int64_t members) {
  Sizes sizes{first.tp};
  if (first.pp > 1) {
    sizes.push_back(first.pp);
  }
  if (weight(first) > 1) {
    sizes.push_back(weight(first));
  }
  sizes.push_back(members);
  return without_trailing_ones(sizes);
}

void mask_lone(Instance& instance, std::size_t dims) {
  instance.tp_mask = {};
  instance.ep_mask = {};
  if (dims == 1) {
    return;  // all dimensions
  }
  std::vector<bool> inner(dims, false);
  inner[0] = true;
  instance.tp_mask = DimMask::of(inner);
  if (instance.ep > 1) {
    instance.ep_mask = instance.tp_mask;
  }
}

/// Experts spread over the members only when a member's own ranks are too few for them; they never
/// spread over pipeline stages.
void mask_member(Instance& instance, std::size_t group_dims, std::size_t dims) {
  std::vector<bool> tp(dims, false);
  std::vector<bool> ep(dims, false);
  tp[0] = true;
  const bool over_group = instance.ep_total > instance.tp;
  ep[0] = !over_group || instance.tp > 1;
  if (over_group && group_dims <= dims) {
    ep[group_dims - 1] = true;
  }
  instance.tp_mask = DimMask::of(tp);
  instance.ep_mask = DimMask::of(ep);
}

/// Number of dimensions of a group before trailing ones were left out.
std::size_t group_dims(const Instance& first) {
  return 2 + (first.pp > 1 ? 1U : 0U) + (weight(first) > 1 ? 1U : 0U);
}

std::vector<const Instance*> all_instances(const Cluster& cluster) {
  std::vector<const Instance*> all;
  for (const Instance& instance : cluster.instances) {
    all.push_back(&instance);
  }
  return all;
}

/// The grid holds when it has a place for every NPU and the ranks of each tensor-parallel instance
/// fill rows of the innermost dimension.
bool holds(const Cluster& cluster, const Sizes& sizes) {
  return product(sizes) == cluster.total_npus() &&
         std::ranges::all_of(cluster.instances, [&](const Instance& instance) {
           return instance.tp == 1 ||
                  (instance.tp == sizes[0] && instance.first_npu % instance.tp == 0);
         });
}

bool one_group_only(const Cluster& cluster) {
  return cluster.dp_groups.size() == 1 &&
         cluster.dp_groups[0].members.size() == cluster.instances.size();
}

NetworkIsland island(std::int64_t first_npu, Sizes sizes) {
  NetworkIsland result;
  result.first_npu = static_cast<std::int32_t>(first_npu);
  result.num_npus = product(sizes);
  result.dims.npus = std::move(sizes);
  return result;
}

NetworkIsland group_island(Cluster& cluster, const DpGroup& group) {
  const Instance& first = cluster.instances[static_cast<std::size_t>(group.members.front())];
  NetworkIsland result =
      island(first.first_npu, shape_of(first, static_cast<std::int64_t>(group.members.size())));
  for (const std::int32_t id : group.members) {
    mask_member(cluster.instances[static_cast<std::size_t>(id)], group_dims(first),
                result.dims.npus.size());
  }
  return result;
}

void plan_islands(Cluster& cluster) {
  for (std::size_t i = 0; i < cluster.instances.size();) {
    Instance& instance = cluster.instances[i];
    if (instance.dp_group) {
      const DpGroup& group = cluster.dp_groups[static_cast<std::size_t>(*instance.dp_group)];
      cluster.islands.push_back(group_island(cluster, group));
      i += group.members.size();
      continue;
    }
    cluster.islands.push_back(island(instance.first_npu, shape_of({&instance})));
    mask_lone(instance, cluster.islands.back().dims.npus.size());
    ++i;
  }
}

DimMask with_outer_dim(const DimMask& mask, std::size_t dims) {
  std::vector<bool> bits;
  for (std::size_t d = 0; d < dims; ++d) {
    bits.push_back(!mask.given() || mask.involves(d));
  }
  bits.push_back(false);
  return DimMask::of(bits);
}

/// Islands that are all alike are one grid with an outer dimension that no collective spans.
void join_alike(Cluster& cluster) {
  const Sizes sizes = cluster.islands.front().dims.npus;
  const bool alike = std::ranges::all_of(
      cluster.islands, [&](const NetworkIsland& other) { return other.dims.npus == sizes; });
  if (cluster.islands.size() == 1 || !alike) {
    return;
  }
  for (Instance& instance : cluster.instances) {
    instance.tp_mask = with_outer_dim(instance.tp_mask, sizes.size());
    instance.ep_mask = with_outer_dim(instance.ep_mask, sizes.size());
  }
  Sizes joined = sizes;
  joined.push_back(static_cast<std::int64_t>(cluster.islands.size()));
  cluster.islands = {island(0, std::move(joined))};
}

}  // namespace

void number_npus(Cluster& cluster) {
  std::int64_t next = 0;
  for (Instance& instance : cluster.instances) {
    instance.first_npu = static_cast<std::int32_t>(next);
    next += instance.width();
  }
}

void plan_grids(Cluster& cluster) {
  cluster.islands.clear();
  if (one_group_only(cluster)) {
    cluster.islands.push_back(group_island(cluster, cluster.dp_groups[0]));
    return;
  }
  if (cluster.dp_groups.empty()) {
    const Sizes sizes = shape_of(all_instances(cluster));
    if (holds(cluster, sizes)) {
      cluster.islands.push_back(island(0, sizes));
      for (Instance& instance : cluster.instances) {
        mask_lone(instance, sizes.size());
      }
      return;
    }
  }
  plan_islands(cluster);
  join_alike(cluster);
}

std::int64_t Cluster::total_npus() const {
  std::int64_t total = 0;
  for (const Instance& instance : instances) {
    total += instance.width();
  }
  return total;
}

}  // namespace lockstep
