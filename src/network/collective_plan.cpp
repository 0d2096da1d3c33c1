#include "network/collective_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/error.hpp"

namespace lockstep {
namespace {

using Family = CollectiveAlgorithm::Family;

// Without a mask the first four dimensions take part.
constexpr std::size_t kDimensionsWithoutMask = 4;

[[noreturn]] void refuse(const CollectiveRequest& request, const std::string& what,
                         const char* mend) {
  throw UserError(
      fmt::format("{} of {} bytes: {}", collective_name(request.kind), request.size.count(), what),
      {}, mend);
}

void check(const Topology& topology, const CollectiveRequest& request) {
  if (request.kind == CollectiveKind::none) {
    throw InternalError("a collective without a kind");
  }
  if (request.size < Bytes{0}) {
    refuse(request, "the size is negative", "give a size of 0 or more");
  }
  if (request.mask.given() && request.mask.count < topology.num_dims()) {
    refuse(request,
           fmt::format("its mask has {} flags, the network {} dimensions", request.mask.count,
                       topology.num_dims()),
           "give one flag for every dimension");
  }
}

bool is_active(const Topology& topology, const DimMask& mask, std::size_t d) {
  const bool involved = mask.given() ? mask.involves(d) : d < kDimensionsWithoutMask;
  return involved && topology.dim(d).npus > 1;
}

// Adds phases and lets the data size flow through them.
class PhaseWriter {
public:
  PhaseWriter(const Topology& topology, const CollectiveSettings& settings,
              const CollectiveCosts& costs, Bytes size, CollectivePlan& plan)
      : topology_(topology), settings_(settings), costs_(costs), size_(size), plan_(plan) {}

  void add(CollectiveKind kind, const ExchangeGroup& group, bool anticlockwise = false) {
    CollectivePhase phase;
    phase.kind = kind;
    phase.algorithm = settings_.of(plan_.request.kind, group.dimension);
    phase.group = group;
    phase.anticlockwise = anticlockwise;
    phase.input = size_;
    fill(phase);
    phase.reduction_time = costs_.reduction(phase.message);
    if (!group.flat) {
      phase.neighbour_time = topology_.neighbour_time(group.dimension, phase.message);
    }
    size_ = phase.output;
    plan_.phases.push_back(phase);
  }

private:
  void fill(CollectivePhase& phase) const {
    fill_sizes(phase);
    const std::int64_t n = phase.group.members;
    switch (phase.algorithm.family) {
      case Family::ring:
        if (phase.kind == CollectiveKind::all_to_all) {
          phase.steps = n * (n - 1) / 2;  // half-duplex model of the reference
        }
        break;
      case Family::direct:
        break;
      case Family::halving_doubling:
        fill_halving_doubling(phase);
        break;
      case Family::double_binary_tree:
        require_power_of_two(phase);
        phase.kind = CollectiveKind::all_reduce;
        phase.message = phase.output = phase.input;
        break;
    }
    if (phase.message <= Bytes{0}) {
      refuse(plan_.request, "it would send messages of 0 bytes", "use a larger size");
    }
  }

  // As for a ring of n: also the shape of direct exchanges.
  static void fill_sizes(CollectivePhase& phase) {
    const std::int64_t n = phase.group.members;
    phase.message = phase.input / n;
    phase.output = phase.input;
    phase.steps = n - 1;
    switch (phase.kind) {
      case CollectiveKind::all_reduce:
        phase.steps = 2 * (n - 1);
        phase.reductions = n - 1;
        break;
      case CollectiveKind::all_gather:
        phase.message = phase.input;
        phase.output = phase.input * n;
        break;
      case CollectiveKind::reduce_scatter:
        phase.output = phase.input / n;
        phase.reductions = n - 1;
        break;
      case CollectiveKind::all_to_all:
      case CollectiveKind::none:
        break;
    }
  }

  void fill_halving_doubling(CollectivePhase& phase) const {
    require_power_of_two(phase);
    if (phase.kind == CollectiveKind::all_to_all) {
      refuse(plan_.request, "halvingDoubling cannot do it", "use ring or direct");
    }
    const std::int64_t levels = std::countr_zero(static_cast<std::uint64_t>(phase.group.members));
    const bool both = phase.kind == CollectiveKind::all_reduce;
    phase.steps = both ? 2 * levels : levels;
    // The smallest message decides whether the exchange is possible at all.
    if (phase.kind != CollectiveKind::all_gather) {
      phase.message = Bytes{phase.input.count() >> (both ? levels + 1 : levels)};
    }
  }

  void require_power_of_two(const CollectivePhase& phase) const {
    if (!std::has_single_bit(static_cast<std::uint64_t>(phase.group.members))) {
      refuse(plan_.request,
             fmt::format("{} needs a power of two of NPUs, not {}", algorithm_name(phase.algorithm),
                         phase.group.members),
             "use ring or direct");
    }
  }

  const Topology& topology_;
  const CollectiveSettings& settings_;
  const CollectiveCosts& costs_;
  Bytes size_;
  CollectivePlan& plan_;
};

void add_phases(PhaseWriter& writer, const std::vector<ExchangeGroup>& groups, CollectiveKind kind,
                bool bandwidth_aware) {
  if (kind == CollectiveKind::all_gather) {
    for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
      writer.add(kind, *group);
    }
    return;
  }
  if (kind != CollectiveKind::all_reduce || !bandwidth_aware) {
    for (const ExchangeGroup& group : groups) {
      writer.add(kind, group);
    }
    return;
  }
  for (std::size_t i = 0; i + 1 < groups.size(); ++i) {
    writer.add(CollectiveKind::reduce_scatter, groups[i]);
  }
  writer.add(CollectiveKind::all_reduce, groups.back());
  for (std::size_t i = groups.size() - 1; i-- > 0;) {
    writer.add(CollectiveKind::all_gather, groups[i], true);
  }
}

}  // namespace

std::int64_t ExchangeGroup::position(const Topology& topology, std::int64_t npu) const {
  return flat ? npu : topology.coordinate(npu, dimension);
}

std::int64_t ExchangeGroup::member(const Topology& topology, std::int64_t npu,
                                   std::int64_t offset) const {
  if (!flat) {
    return topology.neighbour(npu, dimension, offset);
  }
  return ((npu + offset) % members + members) % members;
}

void make_plan(const Topology& topology, const CollectiveRequest& request,
               const CollectiveSettings& settings, const CollectiveCosts& costs,
               CollectivePlan& out, Bytes least) {
  check(topology, request);
  out.request = request;
  out.phases.clear();

  std::vector<ExchangeGroup> groups;
  if (settings.of(request.kind, 0).flat) {
    if (topology.num_npus() > 1) {
      groups.push_back({true, 0, topology.num_npus()});
    }
  } else {
    for (std::size_t d = 0; d < topology.num_dims(); ++d) {
      if (is_active(topology, request.mask, d)) {
        groups.push_back({false, d, topology.dim(d).npus});
      }
    }
  }
  const bool gather = request.kind == CollectiveKind::all_gather;
  if (groups.empty() || (gather && request.size == Bytes{0})) {
    return;
  }
  // No message may be empty: at least one byte for every NPU of the cluster.
  const Bytes size =
      gather ? request.size : std::max({request.size, Bytes{topology.num_npus()}, least});
  PhaseWriter writer(topology, settings, costs, size, out);
  add_phases(writer, groups, request.kind, settings.bandwidth_aware);
}

CollectivePlan make_plan(const Topology& topology, const CollectiveRequest& request,
                         const CollectiveSettings& settings, const CollectiveCosts& costs) {
  CollectivePlan plan;
  make_plan(topology, request, settings, costs, plan);
  return plan;
}

}  // namespace lockstep
