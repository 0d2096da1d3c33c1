// How deep values of a JSON text lie in each other. A value of many thousand levels takes a line to
// write and the whole stack to copy or to show, so readers ask before they parse.
#pragma once

#include <string_view>

namespace lockstep {

/// Deeper than any file that is read here has reason to be.
inline constexpr int kDeepestJson = 64;

[[nodiscard]] inline bool nests_too_deeply(std::string_view json) {
  int depth = 0;
  bool in_text = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text) {
      i += c == '\\' ? 1U : 0U;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepestJson) {
        return true;
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace lockstep
