// Settings of the features that act inside one instance: an instance's key over the flag.
#pragma once

#include <optional>
#include <string_view>

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// "fcfs" or "priority".
[[nodiscard]] std::optional<QueuePolicy> queue_policy_from(std::string_view name);

/// "mixed", "prefill-first" or "decode-first".
[[nodiscard]] std::optional<StepPolicy> step_policy_from(std::string_view name);

/// Sets Instance::features, and what of the engine follows from them, and checks them. A null key
/// counts as absent. Throws UserError for unknown names, numbers out of range, and plans that a
/// feature is not made for.
void read_features(const JsonView& view, const RunOptions& options, Instance& instance);

}  // namespace lockstep
