// Which known model a mistyped name may stand for.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace lockstep {

/// "did you mean A or B? Otherwise <otherwise>", or `otherwise` when none below `dirs` is near.
[[nodiscard]] std::string mend_for_model(const std::vector<std::filesystem::path>& dirs,
                                         const std::string& name, const std::string& otherwise);

}  // namespace lockstep
