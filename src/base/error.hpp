// The three kinds of failure: the user's input (UserError: what, where, how to mend it), an
// expected outcome (a return value, never an exception), and our own bug (InternalError).
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace lockstep {

/// Exit codes of the command line; part of the interface.
enum class ExitCode : int { ok = 0, internal = 1, user_error = 2 };

/// The place of a mistake in the user's input. Empty or zero members are unknown.
struct Where {
  std::string file;
  std::int64_t line = 0;  ///< 1-based
  std::string path;       ///< JSON path such as nodes[0].instances[1].ep_size, or a flag
  friend bool operator==(const Where&, const Where&) = default;
};

/// A mistake in the input: ends the run with exit code 2 and leaves no half-written file.
class UserError : public std::runtime_error {
public:
  UserError(std::string what, Where where, std::string mend);

  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const Where& where() const { return where_; }
  [[nodiscard]] const std::string& mend() const { return mend_; }

private:
  std::string problem_;
  Where where_;
  std::string mend_;
};

/// A state that no input may lead to. The message carries the state for the bug report.
class InternalError : public std::logic_error {
public:
  explicit InternalError(const std::string& what) : std::logic_error(what) {}
};

/// Throws InternalError when `condition` is false; always compiled in.
inline void ensure(bool condition, std::string_view what) {
  if (!condition) [[unlikely]] {
    throw InternalError(std::string(what));
  }
}

}  // namespace lockstep
