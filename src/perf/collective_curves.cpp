#include "perf/collective_curves.hpp"

#include <algorithm>
#include <cmath>

#include "perf/gpu_facts.hpp"

namespace lockstep {

Nanos CollectiveCurve::time(Bytes size, double least_latency_us) const {
  const double own = size.count() <= small_bytes ? small_latency_us : latency_us;
  // The engine's own all-reduce was measured on the modelled machine; NCCL's rings were not.
  const double latency =
      op == MeasuredCollective::all_reduce ? own : std::max(own, least_latency_us);
  const double nanos = latency * 1e3 + static_cast<double>(size.count()) / bandwidth_gb_s;
  return Nanos{std::max<std::int64_t>(1, std::llround(nanos))};
}

std::shared_ptr<const CollectiveCurves> CollectiveCurves::of(const std::string& hardware,
                                                             double link_gb_s,
                                                             double link_latency_us) {
  constexpr double kAlike = 1.25;
  GpuCatalog catalog;
  const auto gpu = catalog.find(hardware);
  std::vector<CollectiveCurve> curves;
  if (gpu) {
    for (const CollectiveCurve& curve : gpu->collectives) {
      if (link_gb_s <= curve.link_gb_s * kAlike && link_gb_s >= curve.link_gb_s / kAlike) {
        curves.push_back(curve);
      }
    }
  }
  return std::make_shared<const CollectiveCurves>(std::move(curves), link_latency_us);
}

std::optional<Nanos> CollectiveCurves::time(MeasuredCollective op, std::int64_t ranks,
                                            Bytes size) const {
  const auto found = std::ranges::find_if(curves_, [&](const CollectiveCurve& curve) {
    return curve.op == op && curve.ranks == ranks;
  });
  return found == curves_.end() ? std::nullopt : std::optional(found->time(size, link_latency_us_));
}

}  // namespace lockstep
