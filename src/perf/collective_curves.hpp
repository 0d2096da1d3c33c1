// How long the engine's all-reduce takes among the GPUs of one node, by message size: measured on
// the hardware, where that is known for the link that the cluster file describes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

/// latency + bytes / bandwidth; small messages have a latency of their own. The fits are from one
/// kind of machine, which differ in their links: a curve counts for links like its own.
struct AllReduceCurve {
  std::int64_t ranks = 2;
  double link_gb_s = 0;      ///< of the machine that it was measured on, one direction, 10^9 bytes
  double latency_us = 0;
  double bandwidth_gb_s = 0; ///< bytes of the tensor a second, 10^9
  std::int64_t small_bytes = 0;  ///< up to this size the latency is small_latency_us
  double small_latency_us = 0;

  [[nodiscard]] Nanos time(Bytes size) const;
};

class CollectiveCurves {
public:
  /// Those of `hardware` for links of `link_gb_s` (10^9 bytes, one direction): within a quarter of
  /// a curve's own. Reads hardware/<GPU>.yaml; a GPU that is not known has none.
  [[nodiscard]] static std::shared_ptr<const CollectiveCurves> of(const std::string& hardware,
                                                                  double link_gb_s);
  explicit CollectiveCurves(std::vector<AllReduceCurve> curves) : curves_(std::move(curves)) {}

  /// Nothing where no curve has so many ranks.
  [[nodiscard]] std::optional<Nanos> all_reduce(std::int64_t ranks, Bytes size) const;

private:
  std::vector<AllReduceCurve> curves_;
};

}  // namespace lockstep
