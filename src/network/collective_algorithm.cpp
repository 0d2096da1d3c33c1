#include "network/collective_algorithm.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {
namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

[[noreturn]] void fail(std::string_view name) {
  throw UserError(fmt::format("unknown collective algorithm \"{}\"", name), {},
                  "use ring, direct, direct<window>, halvingDoubling, doubleBinaryTree, oneRing, "
                  "oneDirect, oneDirect<window> or oneHalvingDoubling");
}

std::int64_t parse_window(std::string_view digits, std::string_view name) {
  std::int64_t window = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), window);
  if (error != std::errc{} || end != digits.data() + digits.size() || window < 1) {
    fail(name);
  }
  return window;
}

}  // namespace

CollectiveAlgorithm algorithm_from_name(std::string_view name) {
  using Family = CollectiveAlgorithm::Family;
  if (name == "ring" || name == "oneRing") {
    return {Family::ring, name == "oneRing", 0};
  }
  if (name == "halvingDoubling" || name == "oneHalvingDoubling") {
    return {Family::halving_doubling, name == "oneHalvingDoubling", 0};
  }
  if (name == "doubleBinaryTree") {
    return {Family::double_binary_tree, false, 0};
  }
  std::string_view rest = name;
  const bool flat = take_prefix(rest, "oneDirect");
  if (!flat && !take_prefix(rest, "direct")) {
    fail(name);
  }
  return {Family::direct, flat, rest.empty() ? 0 : parse_window(rest, name)};
}

std::string algorithm_name(const CollectiveAlgorithm& algorithm) {
  const bool flat = algorithm.flat;
  switch (algorithm.family) {
    case CollectiveAlgorithm::Family::ring:
      return flat ? "oneRing" : "ring";
    case CollectiveAlgorithm::Family::halving_doubling:
      return flat ? "oneHalvingDoubling" : "halvingDoubling";
    case CollectiveAlgorithm::Family::double_binary_tree:
      return "doubleBinaryTree";
    case CollectiveAlgorithm::Family::direct:
      break;
  }
  const std::string name = flat ? "oneDirect" : "direct";
  return algorithm.window == 0 ? name : fmt::format("{}{}", name, algorithm.window);
}

CollectiveSettings CollectiveSettings::all(const CollectiveAlgorithm& algorithm) {
  return {algorithm, algorithm, algorithm, algorithm, true};
}

const CollectiveAlgorithm& CollectiveSettings::of(CollectiveKind kind) const {
  switch (kind) {
    case CollectiveKind::all_reduce:
      return all_reduce;
    case CollectiveKind::all_gather:
      return all_gather;
    case CollectiveKind::all_to_all:
      return all_to_all;
    case CollectiveKind::reduce_scatter:
      return reduce_scatter;
    case CollectiveKind::none:
      break;
  }
  throw InternalError("a collective of no kind has no algorithm");
}

Nanos CollectiveCosts::reduction(Bytes message) const {
  if (!(local_mem_bandwidth > 0)) {
    return Nanos{0};
  }
  const double size = static_cast<double>(message.count());
  return 3 * Nanos{truncate(size / (local_mem_bandwidth * 1e9) * 1e9)};
}

}  // namespace lockstep
