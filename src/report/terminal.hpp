// What the text goes to: how wide it is and whether it shows colours.
#pragma once

#include <cstdint>
#include <cstdio>

namespace lockstep {

struct Terminal {
  std::int32_t width = 80;
  bool colour = false;
  bool interactive = false;
};

/// Looks at the stream and at COLUMNS, TERM and NO_COLOR. Colours only on a terminal that shows
/// them; 80 columns where nothing says otherwise.
[[nodiscard]] Terminal detect_terminal(std::FILE* stream);

}  // namespace lockstep
