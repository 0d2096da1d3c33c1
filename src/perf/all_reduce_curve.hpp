// How long an all-reduce takes among the GPUs of one node, by message size: measured on the
// hardware, where that is known for links like those that the cluster file describes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/units.hpp"

namespace lockstep {

/// latency + bytes / bandwidth; small messages have a latency of their own. Bytes are those of the
/// tensor.
struct AllReduceCurve {
  std::int64_t ranks = 2;
  double link_gb_s = 0;  ///< GB/s of 10^9 bytes, one direction
  double latency_us = 0;
  double bandwidth_gb_s = 0;     ///< 10^9 bytes of the tensor a second
  std::int64_t small_bytes = 0;  ///< up to this size the latency is small_latency_us
  double small_latency_us = 0;

  [[nodiscard]] Nanos time(Bytes size) const;
};

/// The curve of so many ranks for links like its own: `link_gb_s` within a quarter of them.
[[nodiscard]] std::optional<AllReduceCurve> find_curve(std::span<const AllReduceCurve> curves,
                                                       std::int64_t ranks, double link_gb_s);

}  // namespace lockstep
