// Numbers as the reference writes them: the fixed, shortest and general forms of Python. All are
// exact: the binary double is rounded once, halves to the even decimal.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

/// "%.<decimals>f".
[[nodiscard]] std::string fixed_text(double value, int decimals);
/// Shortest text that reads back as `value`: 575.0, 0.1, 1e+16, 1e-05, inf, nan.
[[nodiscard]] std::string shortest_text(double value);
/// "%g": six significant digits, no trailing zeros (1.0 gives 1).
[[nodiscard]] std::string general_text(double value);

}  // namespace lockstep
