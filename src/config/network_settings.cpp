#include "config/network_settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/error.hpp"
#include "config/near_miss.hpp"

namespace lockstep {
namespace {

using Family = CollectiveAlgorithm::Family;

template <class Value>
Value entry_of(const std::vector<Value>& list, std::size_t index, Value otherwise) {
  return list.empty() ? otherwise : list[std::min(index, list.size() - 1)];
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

std::optional<std::int64_t> window_from(std::string_view digits) {
  std::int64_t window = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), window);
  if (error != std::errc{} || end != digits.data() + digits.size() || window < 1) {
    return std::nullopt;
  }
  return window;
}

}  // namespace

std::string_view topology_name(TopologyKind kind) {
  return kTopologyNames[static_cast<std::size_t>(kind)];
}

std::optional<TopologyKind> topology_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kTopologyNames.size(); ++i) {
    if (kTopologyNames[i] == name) {
      return static_cast<TopologyKind>(i);
    }
  }
  return std::nullopt;
}

std::string_view policy_name(SchedulingPolicy policy) {
  return kPolicyNames[static_cast<std::size_t>(policy)];
}

std::optional<CollectiveAlgorithm> find_algorithm(std::string_view name) {
  if (name == "ring" || name == "oneRing") {
    return CollectiveAlgorithm{Family::ring, name == "oneRing", 0};
  }
  if (name == "halvingDoubling" || name == "oneHalvingDoubling") {
    return CollectiveAlgorithm{Family::halving_doubling, name == "oneHalvingDoubling", 0};
  }
  if (name == "doubleBinaryTree") {
    return CollectiveAlgorithm{Family::double_binary_tree, false, 0};
  }
  std::string_view rest = name;
  const bool flat = take_prefix(rest, "oneDirect");
  if (!flat && !take_prefix(rest, "direct")) {
    return std::nullopt;
  }
  const auto window = rest.empty() ? std::optional<std::int64_t>{0} : window_from(rest);
  return window ? std::optional(CollectiveAlgorithm{Family::direct, flat, *window}) : std::nullopt;
}

CollectiveAlgorithm algorithm_from_name(std::string_view name) {
  const auto found = find_algorithm(name);
  if (!found) {
    throw UserError(fmt::format("unknown collective algorithm \"{}\"{}", name,
                                suggestion(name, kAlgorithmNames)),
                    {},
                    "use ring, direct, direct<window>, halvingDoubling, doubleBinaryTree, oneRing, "
                    "oneDirect, oneDirect<window> or oneHalvingDoubling");
  }
  return *found;
}

std::string algorithm_name(const CollectiveAlgorithm& algorithm) {
  const bool flat = algorithm.flat;
  switch (algorithm.family) {
    case Family::ring:
      return flat ? "oneRing" : "ring";
    case Family::halving_doubling:
      return flat ? "oneHalvingDoubling" : "halvingDoubling";
    case Family::double_binary_tree:
      return "doubleBinaryTree";
    case Family::direct:
      break;
  }
  const std::string name = flat ? "oneDirect" : "direct";
  return algorithm.window == 0 ? name : fmt::format("{}{}", name, algorithm.window);
}

TopologyKind NetworkSettings::topology_of(std::size_t dimension) const {
  return entry_of(topology, dimension, TopologyKind::fully_connected);
}

CollectiveAlgorithm NetworkSettings::algorithm_of(std::size_t dimension) const {
  return entry_of(algorithms, dimension, CollectiveAlgorithm{});
}

}  // namespace lockstep
