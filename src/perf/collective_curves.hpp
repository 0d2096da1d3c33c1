// How long collectives take among the GPUs of one node, by message size: measured on the hardware,
// where that is known for links like those that the cluster file describes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

enum class MeasuredCollective : std::uint8_t { all_reduce, all_gather, reduce_scatter };

/// latency + bytes / bandwidth; small messages have a latency of their own. Machines differ in their
/// links: a curve counts for links like its own. Bytes are those of the tensor: what is reduced,
/// all that is gathered, a rank's whole input of a reduce-scatter.
struct CollectiveCurve {
  MeasuredCollective op = MeasuredCollective::all_reduce;
  std::int64_t ranks = 2;
  double link_gb_s = 0;  ///< GB/s of 10^9 bytes, one direction
  double latency_us = 0;
  double bandwidth_gb_s = 0;     ///< 10^9 bytes of the tensor a second
  std::int64_t small_bytes = 0;  ///< up to this size the latency is small_latency_us
  double small_latency_us = 0;

  /// `least_latency`: what the cluster file says of its links; a larger one counts.
  [[nodiscard]] Nanos time(Bytes size, double least_latency_us) const;
};

class CollectiveCurves {
public:
  /// Those of `hardware` for links of `link_gb_s` (10^9 bytes, one direction): within a quarter of
  /// a curve's own. Reads hardware/<GPU>.yaml; a GPU that is not known has none.
  [[nodiscard]] static std::shared_ptr<const CollectiveCurves> of(const std::string& hardware,
                                                                  double link_gb_s,
                                                                  double link_latency_us);
  CollectiveCurves(std::vector<CollectiveCurve> curves, double link_latency_us)
      : curves_(std::move(curves)), link_latency_us_(link_latency_us) {}

  /// Nothing where no curve has so many ranks.
  [[nodiscard]] std::optional<Nanos> time(MeasuredCollective op, std::int64_t ranks,
                                          Bytes size) const;

private:
  std::vector<CollectiveCurve> curves_;
  double link_latency_us_;
};

}  // namespace lockstep
