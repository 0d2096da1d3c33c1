// The column of the summary: labels are padded so that values start at one place.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "report/painter.hpp"

namespace lockstep {

inline constexpr std::int32_t kSummaryLabelColumns = 68;

/// "<label padded> <value>" with its line end; the value is any that fmt formats.
template <class Value>
[[nodiscard]] std::string summary_line(std::string_view label, const Value& value,
                                       std::int32_t columns = kSummaryLabelColumns) {
  const std::int32_t missing = columns - columns_of(label);
  return fmt::format("{}{:{}}{}\n", label, "", missing > 0 ? missing : 0, value);
}

}  // namespace lockstep
