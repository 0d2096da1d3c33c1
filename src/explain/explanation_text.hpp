// An explanation for people and for scripts.
#pragma once

#include <string>

#include "explain/explanation.hpp"

namespace lockstep {

/// A table of causes against TTFT, later tokens and latency in ms; then lines of single tokens with
/// their causes: all of them, or the slowest few. Ends with a newline.
[[nodiscard]] std::string explanation_text(const Explanation& explanation, bool all_tokens);

/// Everything in ns: {"request", "input_tokens", ..., "ttft", "latency": {"total_ns", "parts_ns"},
/// "tokens": [...], "steps": [...]}. Ends with a newline.
[[nodiscard]] std::string explanation_json(const Explanation& explanation);

}  // namespace lockstep
