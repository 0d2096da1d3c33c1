// Finds the command that starts a server in a Docker Compose file, a Kubernetes manifest or a shell
// script.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

/// Words of the first such command. Throws UserError when the file has none.
[[nodiscard]] std::vector<std::string> serve_words_in(const std::filesystem::path& file);

}  // namespace lockstep
