#include "perf/all_reduce_curve.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

Nanos AllReduceCurve::time(Bytes size) const {
  const double latency = size.count() <= small_bytes ? small_latency_us : latency_us;
  const double nanos = latency * 1e3 + static_cast<double>(size.count()) / bandwidth_gb_s;
  return Nanos{std::max<std::int64_t>(1, std::llround(nanos))};
}

std::optional<AllReduceCurve> find_curve(std::span<const AllReduceCurve> curves, std::int64_t ranks,
                                         double link_gb_s) {
  constexpr double kAlike = 1.25;
  const auto found = std::ranges::find_if(curves, [&](const AllReduceCurve& curve) {
    return curve.ranks == ranks && link_gb_s <= curve.link_gb_s * kAlike &&
           link_gb_s >= curve.link_gb_s / kAlike;
  });
  return found == curves.end() ? std::nullopt : std::optional(*found);
}

}  // namespace lockstep
