// The flags of a run: the command line to RunOptions, by the rules of Python's argparse, which
// existing scripts rely on: `--flag value` and `--flag=value`, any unambiguous prefix, the last of
// repeated flags wins.
//
// Lockstep's own flags are matched by prefix only where none of the field's flags matches, so that
// no prefix in use becomes ambiguous.
#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/cluster.hpp"
#include "config/output_options.hpp"
#include "config/run_options.hpp"

namespace lockstep {

struct ParsedFlags {
  RunOptions options;
  OutputOptions outputs;
  std::set<std::string>
      given;  ///< full names of the flags that occurred, such as --no-cleanup-inputs
};
/// For stdout, exit code 0.
struct HelpText {
  std::string text;
};
/// For stderr, exit code 2: usage, "<program>: error: <message>" and perhaps a hint.
struct UsageError {
  std::string message;  ///< the error alone, without program name
  std::string text;     ///< all of it, with a final newline
};
using RunFlags = std::variant<ParsedFlags, HelpText, UsageError>;

/// `args` without the program's name. `program` is how usage and errors call it.
[[nodiscard]] RunFlags parse_run_flags(std::span<const std::string> args,
                                       std::string_view program = "python -m serving");

/// Flags that were given and change nothing in this run, as warnings.
[[nodiscard]] std::vector<std::string> ineffective_flags(const RunOptions& options,
                                                         const std::set<std::string>& given,
                                                         const Cluster& cluster);

}  // namespace lockstep
