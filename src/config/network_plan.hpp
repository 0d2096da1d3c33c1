// NPU numbers, the network's dimensions, and which of them each instance's collectives span.
//
// Dimensions, innermost first: tensor ranks, then pipeline stages, then instances. NPU numbers run
// on over instances, so that coordinate = mixed-radix digit of the number.
#pragma once

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// Sets first_npu of every instance: numbers run on in instance order.
void number_npus(Cluster& cluster);

/// Sets the islands' dimension sizes (without link figures) and all masks. One grid of the shapes
/// that the field derives wherever it holds; else a grid per DP group and lone instance, joined by
/// an outer dimension when all are alike.
void plan_grids(Cluster& cluster);

/// Fills in the link figures of the islands from `link_bw` and `link_latency`, and sets network.
void read_links(Cluster& cluster, const JsonView& top);

}  // namespace lockstep
