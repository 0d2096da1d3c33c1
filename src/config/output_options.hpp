// What a run shows and writes for people, beside its result file. None of it changes a result.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lockstep {

struct OutputOptions {
  bool json = false;                       ///< a summary for scripts instead of the text
  bool quiet = false;                      ///< warnings and errors only
  std::optional<std::string> save_run;     ///< run file, for reports
  std::optional<std::string> report;       ///< HTML file
  std::optional<std::string> trace;        ///< Chrome trace file
  std::optional<std::int64_t> max_memory;  ///< bytes that the process may take
};

}  // namespace lockstep
