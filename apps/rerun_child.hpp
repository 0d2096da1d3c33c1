// A command other than `run`, carried out again by a process of its own, with its output elsewhere.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

/// Commands whose one output file depends on nothing but their arguments and inputs.
[[nodiscard]] bool can_be_carried_out_again(const std::vector<std::string>& command);

/// Carries `command` out with its output in `folder`; returns the file there that corresponds to
/// `result`. Throws UserError when it fails; what it prints on the error stream is shown.
[[nodiscard]] std::filesystem::path carry_out_again(const std::vector<std::string>& command,
                                                    const std::filesystem::path& folder,
                                                    const std::filesystem::path& result);

}  // namespace lockstep
