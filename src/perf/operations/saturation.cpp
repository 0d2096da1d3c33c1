#include "perf/operations/saturation.hpp"

#include <fmt/format.h>

#include <array>

#include "base/knots.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kMostSides = 3;

/// Calls take(place in the grid, weight) for each corner of the cell around `values`.
template <class Take>
void for_corners(const SaturationGrid& grid, std::span<const double> values, const Take& take) {
  std::array<KnotPlace, kMostSides> places;
  const std::size_t sides = grid.sides.size();
  for (std::size_t side = 0; side < sides; ++side) {
    places[side] = knot_place(grid.sides[side].knots, values[grid.sides[side].axis]);
  }
  for (std::size_t corner = 0; corner < std::size_t{1} << sides; ++corner) {
    std::size_t place = 0;
    double weight = 1;
    for (std::size_t side = 0; side < sides; ++side) {
      const bool above = (corner >> side & 1U) != 0;
      place = place * grid.sides[side].knots.size() + places[side].lower + (above ? 1 : 0);
      weight *= above ? places[side].weight : 1.0 - places[side].weight;
    }
    take(place, weight);
  }
}

}  // namespace

std::size_t term_count(const OperationModel& model) {
  return model.axes.size() + model.grids.size();
}

std::size_t term_size(const OperationModel& model, std::size_t term) {
  if (term < model.axes.size()) {
    return model.axes[term].knots.size();
  }
  std::size_t size = 1;
  for (const auto& side : model.grids[term - model.axes.size()].sides) {
    size *= side.knots.size();
  }
  return size;
}

std::string term_name(const OperationModel& model, std::size_t term) {
  if (term < model.axes.size()) {
    return std::string(model.axes[term].name);
  }
  std::string name;
  for (const auto& side : model.grids[term - model.axes.size()].sides) {
    name += fmt::format("{}{}", name.empty() ? "" : " x ", model.axes[side.axis].name);
  }
  return name;
}

std::string factor_name(const OperationModel& model, std::size_t term, std::size_t place) {
  if (term < model.axes.size()) {
    return fmt::format("{:g}", model.axes[term].knots[place]);
  }
  const auto& sides = model.grids[term - model.axes.size()].sides;
  std::string name;
  for (std::size_t side = sides.size(); side-- > 0;) {
    const std::vector<double>& knots = sides[side].knots;
    name = fmt::format("{:g}{}{}", knots[place % knots.size()], name.empty() ? "" : " x ", name);
    place /= knots.size();
  }
  return name;
}

void append_touches(const OperationModel& model, std::span<const double> values,
                    std::vector<Touch>& touches) {
  std::size_t first = 0;
  for (std::size_t axis = 0; axis < model.axes.size(); ++axis) {
    if (const auto& knots = model.axes[axis].knots; !knots.empty()) {
      const KnotPlace place = knot_place(knots, values[axis]);
      touches.push_back({first + place.lower, 1.0 - place.weight});
      touches.push_back({first + place.lower + 1, place.weight});
      first += knots.size();
    }
  }
  for (std::size_t grid = 0; grid < model.grids.size(); ++grid) {
    for_corners(model.grids[grid], values, [&](std::size_t place, double weight) {
      touches.push_back({first + place, weight});
    });
    first += term_size(model, model.axes.size() + grid);
  }
}

double grid_value(const SaturationGrid& grid, std::span<const double> factors,
                  std::span<const double> values) {
  double sum = 0;
  for_corners(grid, values,
              [&](std::size_t place, double weight) { sum += weight * factors[place]; });
  return sum;
}

}  // namespace lockstep
