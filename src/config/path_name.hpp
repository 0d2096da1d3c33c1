// Names in a cluster file that files are looked for under.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/inside.hpp"
#include "config/json_view.hpp"

namespace lockstep {

/// A text that becomes a part of a path. Throws UserError for one that leads out of its folder.
[[nodiscard]] inline std::string path_name(const JsonView& view) {
  std::string name = view.text();
  if (!stays_inside(name)) {
    view.fail(fmt::format("'{}' leads out of the folder that it is looked for in", name),
              "give a name without '..' that does not begin with '/'");
  }
  return name;
}

}  // namespace lockstep
