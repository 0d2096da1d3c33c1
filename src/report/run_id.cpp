#include "report/run_id.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <string_view>

#include "base/error.hpp"

namespace lockstep {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const auto first = text.find_first_not_of(kBlanks);
  return first == std::string_view::npos
             ? std::string_view{}
             : text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

std::string run_id_of(const RunOptions& options) {
  const std::string given(trimmed(options.run_id.value_or("")));
  if (given.empty()) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return fmt::format(
        "run_{}_{}", std::chrono::duration_cast<std::chrono::microseconds>(now).count(), getpid());
  }
  const bool plain = std::all_of(given.begin(), given.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
  if (!plain || given == "." || given == "..") {
    throw UserError("run_id may contain only letters, numbers, '.', '_', and '-'.",
                    {"", 0, "--run-id"}, "give another --run-id, or none");
  }
  return given;
}

}  // namespace lockstep
