// The settings an instance may override: its own key, else the command line's flag.
#pragma once

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// Sets max_num_seqs ... enable_block_copy and mem_util of `instance`, which has its model, id and
/// pp, and checks them. A null key counts as absent.
void read_settings(const JsonView& view, const RunOptions& options, Instance& instance);

}  // namespace lockstep
