// Which commit of the sources a program was built from. Its definition is made at every build and
// linked into programs only, so that a commit compiles one file.
#pragma once

#include <string_view>

namespace lockstep {

/// 40 hexadecimal digits, with "+changes" when the sources differed from it; "unknown" outside of a
/// repository.
[[nodiscard]] std::string_view build_commit();

}  // namespace lockstep
