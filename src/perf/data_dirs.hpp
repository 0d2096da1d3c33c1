// Folders that files shipped with the program are looked up in.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace lockstep {

/// `name` under the working directory, then under $LOCKSTEP_DATA_DIR, then under the
/// share folder of an installed program, then under the data folder that the build was given,
/// without repetitions. They need not exist.
[[nodiscard]] std::vector<std::filesystem::path> data_dirs(std::string_view name);

}  // namespace lockstep
