#include "network/closed_form.hpp"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/error.hpp"

namespace lockstep {
namespace {

using Family = CollectiveAlgorithm::Family;

struct Formula {
  const Topology& topology;
  const CollectiveCosts& costs;
  std::size_t dim;
  std::int64_t n;
  Nanos e;

  Formula(const Topology& topology_in, const CollectiveCosts& costs_in, std::size_t dim_in)
      : topology(topology_in),
        costs(costs_in),
        dim(dim_in),
        n(topology_in.dim(dim_in).npus),
        e(costs_in.endpoint_delay) {}

  /// Of a message between members `distance` places apart.
  [[nodiscard]] Nanos over(std::int64_t distance, Bytes size) const {
    std::int64_t hops = 1;
    if (topology.dim(dim).kind == TopologyKind::switch_) {
      hops = 2;
    } else if (topology.dim(dim).kind == TopologyKind::ring) {
      hops = distance;  // halvings and trees reach half way round at the most
    }
    return topology.message_time(dim, hops, size);
  }

  [[nodiscard]] Nanos ring(CollectiveKind kind, Bytes size) const {
    const Bytes share = size / n;
    const Nanos step = over(1, share) + e;
    switch (kind) {
      case CollectiveKind::all_reduce:
        return e + step * (2 * (n - 1)) + costs.reduction(share) * (n - 1);
      case CollectiveKind::all_gather:
        return e + (over(1, size) + e) * (n - 1);
      case CollectiveKind::reduce_scatter:
        return e + (step + costs.reduction(share)) * (n - 1);
      default:
        return e + step * (n * (n - 1) / 2);
    }
  }

  [[nodiscard]] Nanos direct(CollectiveKind kind, Bytes size) const {
    const Bytes share = kind == CollectiveKind::all_gather ? size : size / n;
    const Nanos once = over(n / 2, share) + e;
    switch (kind) {
      case CollectiveKind::all_reduce:
        return e + once * 2 + costs.reduction(share);
      case CollectiveKind::reduce_scatter:
        return e + once + costs.reduction(share);
      default:
        return e + once;
    }
  }

  [[nodiscard]] Nanos halving_doubling(CollectiveKind kind, Bytes size) const {
    Nanos time = e;
    const int levels = std::countr_zero(static_cast<std::uint64_t>(n));
    if (kind != CollectiveKind::all_gather) {
      for (int i = 1; i <= levels; ++i) {
        time += over(std::int64_t{1} << (i - 1), Bytes{size.count() >> i}) + e;
        time += i < levels ? costs.reduction(Bytes{size.count() >> (i + 1)}) : Nanos{0};
      }
    }
    if (kind != CollectiveKind::reduce_scatter) {
      const bool gather = kind == CollectiveKind::all_gather;
      Bytes message = gather ? size : Bytes{size.count() >> (levels + 1)} * 2;
      for (std::int64_t distance = n / 2; distance >= 1; distance /= 2) {
        time += over(distance, message) + e;
        message = message * 2;
      }
    }
    return time;
  }

  [[nodiscard]] CollectiveSpan tree(Bytes size) const {
    const int levels = std::countr_zero(static_cast<std::uint64_t>(n));
    const Nanos p = costs.reduction(size);
    Nanos root = e;
    for (int level = 0; level < levels; ++level) {
      root += over(std::int64_t{1} << level, size) + e + p;
    }
    Nanos leaves = root + over(1, size) + e;
    for (int level = 1; level < levels; ++level) {
      leaves += over(std::int64_t{1} << level, size) + e + p;
    }
    return {root, leaves};
  }

  [[nodiscard]] CollectiveSpan span(const CollectiveAlgorithm& algorithm, CollectiveKind kind,
                                    Bytes size) const {
    Nanos time;
    switch (algorithm.family) {
      case Family::ring:
        time = ring(kind, size);
        break;
      case Family::direct:
        ensure(algorithm.window == 0 || algorithm.window >= n - 1, "no formula for a window");
        time = direct(kind, size);
        break;
      case Family::halving_doubling:
        time = halving_doubling(kind, size);
        break;
      case Family::double_binary_tree:
        return tree(size);
    }
    return {time, time};
  }
};

struct Part {
  CollectiveKind kind;
  std::size_t dim;
  Bytes size;
};

// What runs over which dimension, with how much data.
std::vector<Part> parts_of(const Topology& topology, CollectiveKind kind, Bytes size,
                           const std::vector<std::size_t>& dims, bool bandwidth_aware) {
  std::vector<Part> parts;
  const auto npus = [&](std::size_t d) { return topology.dim(d).npus; };
  if (kind == CollectiveKind::all_gather) {
    for (auto d = dims.rbegin(); d != dims.rend(); ++d) {
      parts.push_back({kind, *d, size});
      size = size * npus(*d);
    }
    return parts;
  }
  if (kind == CollectiveKind::all_reduce && bandwidth_aware) {
    for (std::size_t i = 0; i + 1 < dims.size(); ++i) {
      parts.push_back({CollectiveKind::reduce_scatter, dims[i], size});
      size = size / npus(dims[i]);
    }
    parts.push_back({kind, dims.back(), size});
    for (std::size_t i = dims.size() - 1; i-- > 0;) {
      parts.push_back({CollectiveKind::all_gather, dims[i], size});
      size = size * npus(dims[i]);
    }
    return parts;
  }
  for (const std::size_t d : dims) {
    parts.push_back({kind, d, size});
    size = kind == CollectiveKind::reduce_scatter ? size / npus(d) : size;
  }
  return parts;
}

}  // namespace

CollectiveSpan closed_form(const Topology& topology, const CollectiveRequest& request,
                           const CollectiveSettings& settings, const CollectiveCosts& costs) {
  // Refuses what is impossible; empty when nothing is to be done.
  if (make_plan(topology, request, settings, costs).phases.empty()) {
    return {};
  }
  const CollectiveAlgorithm& algorithm = settings.of(request.kind, 0);
  ensure(!algorithm.flat || topology.num_dims() == 1,
         "no formula for a flat group of unlike links");
  std::vector<std::size_t> dims;
  for (std::size_t d = 0; d < topology.num_dims(); ++d) {
    const bool involved = request.mask.given() ? request.mask.involves(d) : d < 4;
    if (topology.dim(d).npus > 1 && (involved || algorithm.flat)) {
      dims.push_back(d);
    }
  }
  for (const std::size_t d : dims) {
    ensure(settings.of(request.kind, d).family != Family::double_binary_tree || dims.size() == 1,
           "no formula for trees over several dimensions");
  }
  const bool gather = request.kind == CollectiveKind::all_gather;
  const Bytes size = gather ? request.size : std::max(request.size, Bytes{topology.num_npus()});
  CollectiveSpan total;
  for (const Part& part : parts_of(topology, request.kind, size, dims, settings.bandwidth_aware)) {
    const CollectiveSpan span =
        Formula(topology, costs, part.dim)
            .span(settings.of(request.kind, part.dim), part.kind, part.size);
    total.first += span.first;
    total.last += span.last;
  }
  return total;
}

}  // namespace lockstep
