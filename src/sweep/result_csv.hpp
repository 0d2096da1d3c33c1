// The results of a sweep as CSV: number of the configuration, its settings, error, figures. The
// same bytes however and wherever the rows were simulated.
#pragma once

#include <string>

#include "sweep/result_store.hpp"
#include "sweep/work_list.hpp"

namespace lockstep {

/// Rows in the order of the configurations; one that has no row in the store is left out. Numbers
/// in their shortest form that reads back the same; nothing where there is nothing to say.
[[nodiscard]] std::string result_csv(const WorkList& work, ResultStore& store);

/// Quoted where it has to be.
[[nodiscard]] std::string csv_field(std::string_view text);

}  // namespace lockstep
