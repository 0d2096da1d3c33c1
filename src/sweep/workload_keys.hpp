// A workload as a spec file describes it: the name of a file, or a mapping with one of two forms.
//   file: FILE, num_reqs, rate, rate_scale
//   arrivals: KIND, num_reqs, rate, rate_scale, input_toks, output_toks, seed, shape, period_sec,
//             swing, pulse_n, pulse_delay_sec, token_ids, vocab, reuse
#pragma once

#include <string_view>

#include "config/json_view.hpp"
#include "workload/workload_recipe.hpp"

namespace lockstep {

/// Throws UserError, naming the place, for unknown keys and values out of range.
[[nodiscard]] WorkloadRecipe read_workload_recipe(const JsonView& view);

/// A text becomes {file: text}.
[[nodiscard]] nlohmann::ordered_json as_workload_object(nlohmann::ordered_json workload);

/// Throws UserError when no workload has this key.
void check_workload_key(std::string_view key, const JsonView& place);

}  // namespace lockstep
