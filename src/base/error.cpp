#include "base/error.hpp"

#include <fmt/format.h>

#include <utility>

namespace lockstep {
namespace {

std::string full_message(const std::string& problem, const Where& where, const std::string& mend) {
  std::string text = problem;
  if (!where.file.empty() || !where.path.empty()) {
    std::string place = where.file;
    if (where.line > 0) {
      place += fmt::format(":{}", where.line);
    }
    if (!where.path.empty()) {
      place += place.empty() ? where.path : fmt::format(" ({})", where.path);
    }
    text += fmt::format("\n  at:  {}", place);
  }
  if (!mend.empty()) {
    text += fmt::format("\n  fix: {}", mend);
  }
  return text;
}

}  // namespace

UserError::UserError(std::string what, Where where, std::string mend)
    : std::runtime_error(full_message(what, where, mend)),
      problem_(std::move(what)),
      where_(std::move(where)),
      mend_(std::move(mend)) {}

}  // namespace lockstep
