// Folders that files are looked up in: those shipped with the program, and the user's cache.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace lockstep {

/// `name` under the working directory, then under $LOCKSTEP_DATA_DIR, then under the
/// share folder of an installed program, then under the data folder that the build was given,
/// without repetitions. They need not exist.
[[nodiscard]] std::vector<std::filesystem::path> data_dirs(std::string_view name);

/// $XDG_CACHE_HOME/lockstep, else ~/.cache/lockstep; nothing where neither is known.
[[nodiscard]] std::optional<std::filesystem::path> user_cache_dir();

}  // namespace lockstep
