#include "base/memory_limit.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <limits>
#include <string>

#include "base/error.hpp"

namespace lockstep {
namespace {

std::int64_t process_budget = 0;  // 0: none

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kInstrumented = true;  // the shadow memory alone is beyond any budget
#else
constexpr bool kInstrumented = false;
#endif

}  // namespace

std::optional<std::int64_t> bytes_from_text(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  if (error != std::errc{} || number <= 0) {
    return std::nullopt;
  }
  constexpr std::string_view kUnits = "KMGT";
  int shift = 0;
  if (!unit.empty() && unit != "B") {
    const char letter = unit.front() >= 'a' ? static_cast<char>(unit.front() - 32) : unit.front();
    const std::size_t power = kUnits.find(letter);
    unit.remove_prefix(1);
    if (power == std::string_view::npos || (!unit.empty() && unit != "B" && unit != "iB")) {
      return std::nullopt;
    }
    shift = 10 * (static_cast<int>(power) + 1);
  }
  if (number > std::numeric_limits<std::int64_t>::max() >> shift) {
    return std::nullopt;
  }
  return number << shift;
}

void limit_memory(std::int64_t bytes) {
  if (kInstrumented) {
    throw UserError("a program with sanitizers takes no memory budget",
                    Where{"", 0, "--max-memory"}, "leave the flag out, or use the release build");
  }
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_DATA, &limit) == 0;
  limit.rlim_cur = std::min<rlim_t>(static_cast<rlim_t>(bytes), limit.rlim_max);
  if (!known || ::setrlimit(RLIMIT_DATA, &limit) != 0) {
    throw UserError(std::string("the memory budget cannot be set: ") + std::strerror(errno),
                    Where{"", 0, "--max-memory"}, "leave the flag out, and use ulimit or a cgroup");
  }
  process_budget = bytes;
}

std::optional<std::int64_t> memory_limit() {
  return process_budget == 0 ? std::nullopt : std::optional(process_budget);
}

}  // namespace lockstep
