// A command line, one word a line: flags of a run, and the command of a server.
#include <variant>

#include "config/run_flags.hpp"
#include "config/serve_arguments.hpp"
#include "fuzz_target.hpp"

namespace {

void read_flag_bytes(std::string_view bytes) {
  using namespace lockstep;
  if (fuzz::take_choice(bytes, 2) == 1) {
    static_cast<void>(serve_words(serve_arguments(shell_words(bytes))));
    return;
  }
  std::vector<std::string> words(1);
  for (const char c : bytes) {
    if (c == '\n') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  static_cast<void>(parse_run_flags(words));
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(flags, read_flag_bytes)
