// Changes to a cluster file in memory, by path: nodes.0.instances.*.tp_size names one value in
// every instance of the first node. Steps are keys, indices from 0, or * for all elements.
#pragma once

#include <string>

#include "config/json_document.hpp"

namespace lockstep {

/// Sets every value that the path names; the last key may be new, everything before it must exist.
/// Throws UserError (with file and path) for a path that matches nothing.
void set_by_path(JsonDocument& document, const std::string& path,
                 const nlohmann::ordered_json& value);

/// Makes the list that holds the named element consist of `copies` of it, and adapts the list's
/// count (num_nodes, num_instances) beside it. The path has no *, and ends with an index. Throws
/// UserError for a path that matches no such element, and for copies outside 1..65536.
void repeat_by_path(JsonDocument& document, const std::string& path, std::int64_t copies);

}  // namespace lockstep
