// Curves of measured times as a plot of characters and as SVG. Both axes are logarithmic.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "perf/bundle_curves.hpp"

namespace lockstep {

/// `columns` wide, axes included, at least 40; one letter a curve, with a legend below.
[[nodiscard]] std::string curve_text(const CurveSet& set, std::int32_t columns);

/// One picture, the sets below each other; for light and dark backgrounds.
[[nodiscard]] std::string curves_svg(std::span<const CurveSet> sets);

}  // namespace lockstep
