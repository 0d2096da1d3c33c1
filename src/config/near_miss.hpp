// "Did you mean ...?": the known name closest to a mistyped one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace lockstep {

/// The known name fewest edits (insert, delete, change, swap of neighbours) away; empty when none
/// is near (more than a third of the letters would have to change). The first of equals.
[[nodiscard]] std::string_view nearest_name(std::string_view typed,
                                            std::span<const std::string_view> known);

/// "; did you mean 'x'?" or an empty text.
[[nodiscard]] std::string suggestion(std::string_view typed,
                                     std::span<const std::string_view> known);

}  // namespace lockstep
