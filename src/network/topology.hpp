// The shape of the network and what one message over one dimension costs.
//
// Think of a grid of NPUs: each dimension is one building block (a ring, a full mesh, a switch)
// that joins the NPUs whose other coordinates agree. Here a message's time depends on its size and
// its ends alone; messages that queue for links are in network/link_network.hpp. Times are ns; a
// link's GB is 2^30 bytes.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "config/network_settings.hpp"

namespace lockstep {

/// Dimension 0 is innermost: NPU r has coordinate (r / prod(npus[0..d-1])) mod npus[d] in d.
class Topology {
public:
  struct Dimension {
    TopologyKind kind = TopologyKind::fully_connected;
    std::int64_t npus = 1;
    double bandwidth = 0;  ///< GB/s of 2^30 bytes, > 0
    double latency = 0;    ///< ns, >= 0
  };
  /// Throws UserError for a size, bandwidth or latency out of range.
  explicit Topology(std::vector<Dimension> dims);
  /// All dimensions FullyConnected unless the settings name others. Throws UserError as above, or
  /// when the lists differ in length.
  [[nodiscard]] static Topology from(const NetworkDims& dims, const NetworkSettings& settings = {});

  [[nodiscard]] std::size_t num_dims() const { return dims_.size(); }
  [[nodiscard]] const Dimension& dim(std::size_t d) const { return dims_[d]; }
  [[nodiscard]] std::int64_t num_npus() const { return num_npus_; }
  [[nodiscard]] std::int64_t coordinate(std::int64_t npu, std::size_t d) const;
  /// The NPU `offset` places clockwise of `npu` in dimension d.
  [[nodiscard]] std::int64_t neighbour(std::int64_t npu, std::size_t d, std::int64_t offset) const;

  /// floor(hops * latency + size / bytes_per_ns) over one dimension, one truncation of the sum.
  [[nodiscard]] Nanos message_time(std::size_t d, std::int64_t hops, Bytes size) const;
  /// floor(size / bytes_per_ns): how long a link of dimension d is taken.
  [[nodiscard]] Nanos occupied_time(std::size_t d, Bytes size) const;
  /// Between neighbours (hops 1; 2 through a switch).
  [[nodiscard]] Nanos neighbour_time(std::size_t d, Bytes size) const;
  /// Between any two different NPUs: priced in the lowest dimension in which they differ.
  [[nodiscard]] Nanos point_to_point_time(std::int64_t src, std::int64_t dst, Bytes size) const;

private:
  std::vector<Dimension> dims_;
  std::vector<std::int64_t> stride_;
  std::vector<double> bytes_per_ns_;
  std::int64_t num_npus_ = 1;
};

}  // namespace lockstep
