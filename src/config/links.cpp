// Link figures: one for all dimensions, or one per dimension.
#include <fmt/format.h>

#include <algorithm>

#include "config/network_plan.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

std::string dims_text(const std::vector<NetworkIsland>& islands) {
  std::string text;
  for (const NetworkIsland& island : islands) {
    std::string one;
    for (const std::int64_t size : island.dims.npus) {
      one += fmt::format("{}{}", one.empty() ? "" : ", ", size);
    }
    text += fmt::format("{}[{}]", text.empty() ? "" : " and ", one);
    if (text.size() > 100) {
      return text + " ...";
    }
  }
  return text;
}

/// A number, or a text that reads as one; true and false are 1 and 0.
double element(const JsonView& list, std::size_t index, std::string_view field) {
  const JsonView item = list.item(index);
  std::optional<double> value;
  if (item.json().is_number()) {
    value = item.number();
  } else if (item.json().is_boolean()) {
    value = item.json().get<bool>() ? 1 : 0;
  } else if (item.json().is_string()) {
    value = float_from_text(item.text());
  }
  if (!value) {
    item.fail(fmt::format("'{}' must contain only numeric values.", field), "give a number");
  }
  return *value;
}

void check_range(double value, const JsonView& at, std::string_view field, bool zero_allowed) {
  if (!(value > 0 || (zero_allowed && value == 0)) || value > 1e18) {
    at.fail(fmt::format("'{}' is {}", field, plain_number_text(value)),
            zero_allowed ? "give nanoseconds, 0 or more" : "give GB/s, more than 0");
  }
}

/// Values per dimension, innermost first. A smaller island takes the first ones of a list.
std::vector<double> read_values(const JsonView& value, std::string_view field, std::size_t dims,
                                bool zero_allowed, const std::vector<NetworkIsland>& islands) {
  std::vector<double> values;
  if (value.json().is_number()) {
    check_range(value.number(), value, field, zero_allowed);
    return std::vector<double>(dims, value.number());
  }
  if (!value.json().is_array()) {
    value.fail(fmt::format("'{}' must be a number or a list of numbers, got {}.", field,
                           python_type_name(value.json())),
               "give one number for all dimensions, or a list with one per dimension");
  }
  if (value.size() != dims) {
    value.fail(fmt::format("'{}' must have exactly {} value(s) to match the ASTRA-Sim topology "
                           "dimensions, but got {}.",
                           field, dims, value.size()),
               fmt::format("the dimensions are {}, innermost first; one number stands for all",
                           dims_text(islands)));
  }
  for (std::size_t i = 0; i < value.size(); ++i) {
    values.push_back(element(value, i, field));
    check_range(values.back(), value.item(i), field, zero_allowed);
  }
  return values;
}

}  // namespace

void read_links(Cluster& cluster, const JsonView& top) {
  std::size_t dims = 0;
  for (const NetworkIsland& island : cluster.islands) {
    dims = std::max(dims, island.dims.npus.size());
  }
  const auto values = [&](std::string_view field, bool zero_allowed) {
    return read_values(top.require(field, "cluster configuration"), field, dims, zero_allowed,
                       cluster.islands);
  };
  const std::vector<double> bandwidth = values("link_bw", false);
  const std::vector<double> latency = values("link_latency", true);
  for (NetworkIsland& island : cluster.islands) {
    const auto count = static_cast<std::ptrdiff_t>(island.dims.npus.size());
    island.dims.bandwidth.assign(bandwidth.begin(), bandwidth.begin() + count);
    island.dims.latency.assign(latency.begin(), latency.begin() + count);
  }
  cluster.network = cluster.islands.size() == 1
                        ? cluster.islands.front().dims
                        : NetworkDims{{cluster.total_npus()}, {bandwidth.back()}, {latency.back()}};
}

}  // namespace lockstep
