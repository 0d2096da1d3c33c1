// The order in which the NPUs of an iteration begin: starts.csv beside its graph files.
//
// A turn is one look at all idle NPUs. NPUs of a turn begin at one time, one after the other; later
// turns come after at least one event, although that may be at the same time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"

namespace lockstep {

struct NpuStart {
  std::int64_t turn = 0;
  Nanos offset;  ///< from the first start of the iteration
  std::int32_t npu = 0;
};

/// "turn,offset_ns,npu", one row a start.
[[nodiscard]] std::string starts_text(const std::vector<NpuStart>& starts);
/// Those of a folder; nothing when it has no such file. Throws UserError for a malformed one.
[[nodiscard]] std::optional<std::vector<NpuStart>> read_starts(const std::filesystem::path& folder);

/// Where starts.csv lies in a folder of graphs.
[[nodiscard]] std::filesystem::path starts_file(const std::filesystem::path& folder);

}  // namespace lockstep
