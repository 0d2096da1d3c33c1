// A YAML file as a JsonDocument, so that it is looked into with the same care as a cluster file:
// every complaint names file, line and path.
#pragma once

#include <filesystem>
#include <string>

#include "config/json_document.hpp"

namespace lockstep {

/// Plain scalars become null, true/false, integers and finite numbers where they look like it;
/// quoted ones stay text. Throws UserError for a file that cannot be read, a syntax error, a key
/// given twice, a key that is no text, more than 100,000 values (aliases count as often as they
/// are used, and may add 10,000 to what is written) or more than 32 levels.
[[nodiscard]] JsonDocument read_yaml(const std::filesystem::path& file);
[[nodiscard]] JsonDocument parse_yaml(const std::string& text, const std::string& file);

}  // namespace lockstep
