#include "config/network_reader.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <span>

#include "config/near_miss.hpp"

namespace lockstep {
namespace {

using Names = std::span<const std::string_view>;
using Family = CollectiveAlgorithm::Family;

constexpr std::int64_t kMostSplits = 4096;
constexpr std::int64_t kMostQueues = 64;
constexpr std::int64_t kMostDelay = 1'000'000'000;
constexpr std::array<std::string_view, 2> kOptimizations{"localBWAware", "baseline"};
constexpr std::array<std::string_view, 2> kCongestion{"unaware", "aware"};

[[noreturn]] void fail_name(const JsonView& at, std::string_view what, Names known) {
  const std::string name = at.text();
  at.fail(fmt::format("unknown {} '{}'{}", what, name, suggestion(name, known)),
          fmt::format("use {}", fmt::join(known, ", ")));
}

std::size_t read_name(const JsonView& at, std::string_view what, Names known) {
  const auto found = std::ranges::find(known, at.text());
  if (found == known.end()) {
    fail_name(at, what, known);
  }
  return static_cast<std::size_t>(found - known.begin());
}

CollectiveAlgorithm read_algorithm(const JsonView& at) {
  const auto found = find_algorithm(at.text());
  if (!found) {
    fail_name(at, "collective algorithm", kAlgorithmNames);
  }
  return *found;
}

/// A value for all dimensions, or a list of one per dimension, innermost first.
template <class Read>
auto read_by_dimension(const JsonView& at, std::size_t dims, const Read& read) {
  std::vector<decltype(read(at))> values;
  if (!at.json().is_array()) {
    values.push_back(read(at));
    return values;
  }
  if (at.size() != dims) {
    at.fail(fmt::format("{} entries for {} network dimensions", at.size(), dims),
            "give one name for all dimensions, or a list with one per dimension, innermost first");
  }
  for (std::size_t d = 0; d < dims; ++d) {
    values.push_back(read(at.item(d)));
  }
  return values;
}

class NetworkReader {
public:
  NetworkReader(Cluster& cluster, const JsonView& view)
      : cluster_(cluster), settings_(cluster.network_settings), view_(view) {
    for (const NetworkIsland& island : cluster.islands) {
      dims_ = std::max(dims_, island.dims.npus.size());
    }
  }

  void read() {
    view_.object();
    read_shape();
    read_streams();
    if (const auto at = view_.find("collective_optimization")) {
      settings_.bandwidth_aware = read_name(*at, "collective optimization", kOptimizations) == 0;
    }
    if (const auto at = view_.find("endpoint_delay")) {
      settings_.endpoint_delay = Nanos{at->integer_between(0, kMostDelay)};
    }
    if (const auto at = view_.find("congestion")) {
      settings_.congestion_aware = read_name(*at, "congestion", kCongestion) == 1;
      check_congestion(*at);
    }
  }

private:
  void read_shape() {
    if (const auto at = view_.find("topology")) {
      settings_.topology = read_by_dimension(*at, dims_, [](const JsonView& entry) {
        return static_cast<TopologyKind>(read_name(entry, "topology", kTopologyNames));
      });
    }
    if (const auto at = view_.find("collective_algorithm")) {
      settings_.algorithms = read_by_dimension(*at, dims_, read_algorithm);
      check_flat(*at);
      check_powers(*at);
    }
  }

  void read_streams() {
    StreamSettings& streams = settings_.streams;
    if (const auto at = view_.find("scheduling_policy")) {
      streams.policy =
          static_cast<SchedulingPolicy>(read_name(*at, "scheduling policy", kPolicyNames));
    }
    const auto count = [this](std::string_view key, std::int64_t most, std::int64_t& value) {
      if (const auto at = view_.find(key)) {
        value = at->integer_between(1, most);
      }
    };
    count("dataset_splits", kMostSplits, streams.dataset_splits);
    count("active_chunks", kMostSplits, streams.active_chunks);
    count("queues_per_dim", kMostQueues, streams.queues_per_dim);
  }

  /// A flat group leaves no dimension for another algorithm, and spans instances: every NPU of an
  /// island would have to take part in every collective.
  void check_flat(const JsonView& at) const {
    const auto& list = settings_.algorithms;
    if (std::ranges::none_of(list, &CollectiveAlgorithm::flat)) {
      return;
    }
    if (list.size() > 1) {
      at.fail("an algorithm over all dimensions at once stands in a list by dimension",
              "give it alone, or use the names without 'one'");
    }
    for (const Instance& instance : cluster_.instances) {
      if (instance.tp_mask.given() || instance.ep_mask.given()) {
        at.fail(fmt::format("'{}' would join NPUs of several instances or pipeline stages",
                            algorithm_name(list.front())),
                "use it with one instance of pp_size 1, or take the name without 'one'");
      }
    }
  }

  /// Halving and trees exist for powers of two. Only dimensions that some collective spans count.
  void check_powers(const JsonView& at) const {
    for (const NetworkIsland& island : cluster_.islands) {
      for (std::size_t d = 0; d < island.dims.npus.size(); ++d) {
        const CollectiveAlgorithm algorithm = settings_.algorithm_of(d);
        const bool halves = algorithm.family == Family::halving_doubling ||
                            algorithm.family == Family::double_binary_tree;
        const std::int64_t members = algorithm.flat ? island.num_npus : island.dims.npus[d];
        if (halves && spanned(island, d) &&
            !std::has_single_bit(static_cast<std::uint64_t>(members))) {
          at.fail(fmt::format("'{}' needs a power of two of NPUs, dimension {} has {}",
                              algorithm_name(algorithm), d, members),
                  "use ring or direct in this dimension");
        }
      }
    }
  }

  [[nodiscard]] bool spanned(const NetworkIsland& island, std::size_t d) const {
    const auto involves = [d](const DimMask& mask) { return !mask.given() || mask.involves(d); };
    return std::ranges::any_of(cluster_.instances, [&](const Instance& instance) {
      return instance.first_npu >= island.first_npu &&
             instance.first_npu < island.first_npu + island.num_npus &&
             (involves(instance.tp_mask) || (instance.ep > 1 && involves(instance.ep_mask)));
    });
  }

  void check_congestion(const JsonView& at) const {
    for (const NetworkIsland& island : cluster_.islands) {
      const auto wide = std::ranges::count_if(island.dims.npus, [](auto n) { return n > 1; });
      if (settings_.congestion_aware && wide > 1) {
        at.fail(fmt::format("a congestion-aware network has one dimension, this cluster's is [{}]",
                            fmt::join(island.dims.npus, ", ")),
                "use \"unaware\", or instances whose NPUs stand in one dimension");
      }
    }
  }

  Cluster& cluster_;
  NetworkSettings& settings_;
  const JsonView& view_;
  std::size_t dims_ = 0;
};

}  // namespace

void read_network_settings(Cluster& cluster, const JsonView& top) {
  if (const auto view = top.find("network")) {
    NetworkReader(cluster, *view).read();
  }
}

}  // namespace lockstep
