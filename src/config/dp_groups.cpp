#include "config/dp_groups.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace lockstep {
namespace {

/// Any value that is not null names a group, as its text.
std::string group_name(const JsonView& value) {
  if (value.json().is_object() || value.json().is_array()) {
    return value.text();  // refuses it
  }
  return value.json().is_string() ? value.text() : value.json().dump();
}

void collect(Cluster& cluster, const std::vector<JsonView>& views) {
  std::map<std::string, std::int32_t> index_of;
  for (Instance& instance : cluster.instances) {
    const auto value = views[static_cast<std::size_t>(instance.id)].find("dp_group");
    if (!value) {
      continue;
    }
    const std::string name = group_name(*value);
    const auto [entry, is_new] =
        index_of.emplace(name, static_cast<std::int32_t>(cluster.dp_groups.size()));
    if (is_new) {
      cluster.dp_groups.push_back({name, {}});
    }
    instance.dp_group = entry->second;
    cluster.dp_groups[static_cast<std::size_t>(entry->second)].members.push_back(instance.id);
  }
}

void check_same(const JsonView& view, const DpGroup& group, const char* key, std::int64_t first,
                std::int64_t own) {
  if (first != own) {
    view.fail_at(key,
                 fmt::format("DP group '{}': {} mismatch ({} vs {})", group.name, key, first, own),
                 fmt::format("give all members of the group the same {}", key));
  }
}

void check_alike(Cluster& cluster, const DpGroup& group, const JsonView& view,
                 const Instance& first, const Instance& own, const FidelityPolicy& policy) {
  check_same(view, group, "tp_size", first.tp, own.tp);
  check_same(view, group, "ep_size", first.ep, own.ep);
  check_same(view, group, "pp_size", first.pp, own.pp);
  if (first.pd != own.pd) {
    view.fail_at("pd_type",
                 fmt::format("DP group '{}': instances {} and {} differ in pd_type", group.name,
                             first.id, own.id),
                 "put prefill and decode instances into groups of their own");
  }
  if (first.model->name == own.model->name && first.hardware == own.hardware) {
    return;
  }
  const std::string problem =
      fmt::format("DP group '{}': instances {} and {} differ in model or hardware", group.name,
                  first.id, own.id);
  if (!policy.unlike_group_members_pass) {
    view.fail_at("dp_group", problem, "replicas of one group serve one model on like hardware");
  }
  cluster.warnings.push_back(problem + "; they still run in step");
}

void share_experts(Cluster& cluster, const DpGroup& group, const JsonView& view) {
  const Instance first = cluster.instances[static_cast<std::size_t>(group.members.front())];
  const auto size = static_cast<std::int64_t>(group.members.size());
  std::int64_t total = 1;
  std::int64_t local = 1;
  if (first.model->has_expert_key) {
    total = first.ep;
    local = first.ep / size;
    if (first.ep % size != 0) {
      view.fail_at("ep_size",
                   fmt::format("DP group '{}': ep_size ({}) not divisible by dp_group_size ({})",
                               group.name, first.ep, size),
                   fmt::format("ep_size counts the ranks of the whole group: use {} (one per "
                               "member) or a multiple of it up to {}",
                               size, size * first.tp));
    }
    if (local > first.tp) {
      view.fail_at(
          "ep_size",
          fmt::format("DP group '{}': local_ep ({}) > tp_size ({})", group.name, local, first.tp),
          fmt::format("the group has {} ranks for experts: use ep_size {}", size * first.tp,
                      size * first.tp));
    }
  }
  for (const std::int32_t id : group.members) {
    Instance& member = cluster.instances[static_cast<std::size_t>(id)];
    member.ep_total = total;
    member.local_ep = local;
  }
}

}  // namespace

void form_dp_groups(Cluster& cluster, const std::vector<JsonView>& views,
                    const FidelityPolicy& policy) {
  for (Instance& instance : cluster.instances) {
    instance.ep_total = instance.ep;
    instance.local_ep = instance.ep;
  }
  collect(cluster, views);
  for (const DpGroup& group : cluster.dp_groups) {
    const auto view_of = [&](std::int32_t id) { return views[static_cast<std::size_t>(id)]; };
    const Instance& first = cluster.instances[static_cast<std::size_t>(group.members.front())];
    for (const std::int32_t id : group.members) {
      const Instance& own = cluster.instances[static_cast<std::size_t>(id)];
      check_alike(cluster, group, view_of(id), first, own, policy);
    }
    share_experts(cluster, group, view_of(first.id));
    const auto span = group.members.back() - group.members.front() + 1;
    if (span != static_cast<std::int32_t>(group.members.size())) {
      view_of(group.members.back())
          .fail_at("dp_group",
                   fmt::format("DP group '{}': its members are not next to each other", group.name),
                   "list the members of a group one after the other; other instances go before "
                   "or behind them");
    }
  }
}

}  // namespace lockstep
