#include "report/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>

namespace lockstep {
namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

std::optional<std::int32_t> columns_from_environment() {
  const std::string_view text = environment("COLUMNS");
  std::int32_t columns = 0;
  const auto result = std::from_chars(text.begin(), text.end(), columns);
  constexpr std::int32_t kWidest =
      10'000;  // a slip such as COLUMNS=99999999 must not fill the disk
  if (result.ec != std::errc{} || result.ptr != text.end() || columns < 1 || columns > kWidest) {
    return std::nullopt;
  }
  return columns;
}

}  // namespace

Terminal detect_terminal(std::FILE* stream) {
  Terminal terminal;
  const int descriptor = fileno(stream);
  terminal.interactive = descriptor >= 0 && isatty(descriptor) == 1;
  terminal.colour =
      terminal.interactive && environment("NO_COLOR").empty() && environment("TERM") != "dumb";
  winsize size{};
  if (const auto columns = columns_from_environment()) {
    terminal.width = *columns;
  } else if (terminal.interactive && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.width = size.ws_col;
  }
  return terminal;
}

}  // namespace lockstep
