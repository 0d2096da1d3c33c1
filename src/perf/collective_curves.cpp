#include "perf/collective_curves.hpp"

#include <algorithm>
#include <cmath>

#include "perf/gpu_facts.hpp"

namespace lockstep {

Nanos AllReduceCurve::time(Bytes size) const {
  const double latency = size.count() <= small_bytes ? small_latency_us : latency_us;
  const double nanos = latency * 1e3 + static_cast<double>(size.count()) / bandwidth_gb_s;
  return Nanos{std::max<std::int64_t>(1, std::llround(nanos))};
}

std::shared_ptr<const CollectiveCurves> CollectiveCurves::of(const std::string& hardware,
                                                             double link_gb_s) {
  constexpr double kAlike = 1.25;
  GpuCatalog catalog;
  const auto gpu = catalog.find(hardware);
  std::vector<AllReduceCurve> curves;
  if (gpu) {
    for (const AllReduceCurve& curve : gpu->all_reduce) {
      if (link_gb_s <= curve.link_gb_s * kAlike && link_gb_s >= curve.link_gb_s / kAlike) {
        curves.push_back(curve);
      }
    }
  }
  return std::make_shared<const CollectiveCurves>(std::move(curves));
}

std::optional<Nanos> CollectiveCurves::all_reduce(std::int64_t ranks, Bytes size) const {
  const auto found = std::ranges::find_if(
      curves_, [&](const AllReduceCurve& curve) { return curve.ranks == ranks; });
  return found == curves_.end() ? std::nullopt : std::optional(found->time(size));
}

}  // namespace lockstep
