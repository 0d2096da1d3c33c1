// The failures of an instance: its key "failures", a list of {"at", "down_for", "detected_after"}
// in seconds.
#pragma once

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// Sets `instance.failures`, by time. `view` is the instance's object. Throws UserError for
/// failures while it is down, and for instances that others could not go on without: members of a
/// data-parallel group, prefill and decode instances; under the reference's rules for all.
void read_failures(const JsonView& view, const RunOptions& options, Instance& instance);

}  // namespace lockstep
