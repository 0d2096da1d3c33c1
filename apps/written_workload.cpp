#include "written_workload.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "command_record.hpp"

namespace lockstep {

void report(const Written& written, const std::string& output, std::uint32_t seed) {
  const std::string sessions =
      written.sessions > 0 ? fmt::format("{} sessions with ", written.sessions) : std::string{};
  // Beside a workload on the standard output the summary would be one more line of it.
  std::FILE* place = std::filesystem::is_regular_file(output) ? stdout : stderr;
  CommandRecord::write_beside(output, {.fidelity = {}, .seed = seed});
  fmt::print(place, "wrote {}: {}{} requests, {} prompt tokens, {} output tokens\n", output,
             sessions, written.calls, written.input_toks, written.output_toks);
}

}  // namespace lockstep
