// How the network is built and how collectives use it: the optional `network` object of a cluster
// file. Left out, the network is a full mesh in every dimension on which rings run one at a time.
//
// Lists by dimension go innermost first; one entry stands for all dimensions, and none for the
// default.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

enum class TopologyKind : std::uint8_t { ring, fully_connected, switch_ };

inline constexpr std::array<std::string_view, 3> kTopologyNames{"Ring", "FullyConnected", "Switch"};
/// One of kTopologyNames.
[[nodiscard]] std::string_view topology_name(TopologyKind kind);
[[nodiscard]] std::optional<TopologyKind> topology_from_name(std::string_view name);

/// By which algorithm NPUs exchange in one dimension. `ring` is what serving clusters use. The
/// others are available for comparison: `direct` (everyone sends to everyone, `direct<w>` with at
/// most w messages in flight), `halvingDoubling` and `doubleBinaryTree`. The prefix `one` (oneRing,
/// oneDirect, ...) lays one flat group over all NPUs, whatever the dimensions.
struct CollectiveAlgorithm {
  enum class Family : std::uint8_t { ring, direct, halving_doubling, double_binary_tree };
  Family family = Family::ring;
  bool flat = false;        ///< one group of all NPUs instead of one a dimension
  std::int64_t window = 0;  ///< direct: messages in flight; 0: no limit
  friend bool operator==(const CollectiveAlgorithm&, const CollectiveAlgorithm&) = default;
};

/// All names but those with a window: `direct` and `oneDirect` may have a number at their end.
inline constexpr std::array<std::string_view, 7> kAlgorithmNames{
    "ring",    "direct",    "halvingDoubling",   "doubleBinaryTree",
    "oneRing", "oneDirect", "oneHalvingDoubling"};
[[nodiscard]] std::string algorithm_name(const CollectiveAlgorithm& algorithm);
[[nodiscard]] std::optional<CollectiveAlgorithm> find_algorithm(std::string_view name);
/// Throws UserError for an unknown name.
[[nodiscard]] CollectiveAlgorithm algorithm_from_name(std::string_view name);

/// Which of several collectives under way goes first.
enum class SchedulingPolicy : std::uint8_t { lifo, fifo, explicit_ };

inline constexpr std::array<std::string_view, 3> kPolicyNames{"LIFO", "FIFO", "EXPLICIT"};
[[nodiscard]] std::string_view policy_name(SchedulingPolicy policy);

/// A collective may be cut into chunks, each a stream that runs through the phases by itself. The
/// streams of a phase stand in the queues of its dimension.
struct StreamSettings {
  SchedulingPolicy policy = SchedulingPolicy::lifo;
  std::int64_t dataset_splits = 1;  ///< chunks of a collective
  std::int64_t active_chunks = 1;   ///< streams that run at once in a dimension
  std::int64_t queues_per_dim = 1;  ///< they share the running streams among them
  friend bool operator==(const StreamSettings&, const StreamSettings&) = default;
};

struct NetworkSettings {
  std::vector<TopologyKind> topology;
  std::vector<CollectiveAlgorithm> algorithms;
  /// Over several dimensions: scatter on the inner ones, reduce only the share on the last. When
  /// false every dimension reduces the full size.
  bool bandwidth_aware = true;
  StreamSettings streams;
  Nanos endpoint_delay{10};       ///< before the first send and after every receive
  bool congestion_aware = false;  ///< messages queue for links

  [[nodiscard]] TopologyKind topology_of(std::size_t dimension) const;
  [[nodiscard]] CollectiveAlgorithm algorithm_of(std::size_t dimension) const;
};

}  // namespace lockstep
