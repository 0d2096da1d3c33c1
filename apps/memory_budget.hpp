// --max-memory of the commands that read their flags through CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/error.hpp"
#include "base/memory_limit.hpp"

namespace lockstep {

/// The budget holds from the moment the flag is read.
inline void add_memory_budget(CLI::App& command) {
  command.add_option_function<std::string>(
      "--max-memory",
      [](const std::string& text) {
        const auto bytes = bytes_from_text(text);
        if (!bytes) {
          throw UserError("'" + text + "' is no size", {"", 0, "--max-memory"},
                          "give bytes, or a number with K, M, G or T");
        }
        limit_memory(*bytes);
      },
      "most memory that the process may take, such as 8G; more ends it with an error");
}

}  // namespace lockstep
