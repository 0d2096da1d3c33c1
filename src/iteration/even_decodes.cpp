#include "iteration/even_decodes.hpp"

#include <cmath>

namespace lockstep {

std::optional<std::int64_t> EvenDecodes::length(const BatchShape& shape, const HeadShape& heads) {
  contexts_.clear();
  double sum = 0;
  for (const BatchEntry& entry : shape.entries) {
    if (entry.is_prompt() || entry.drafts > 0) {
      return std::nullopt;
    }
    contexts_.push_back(entry.computed_before + 1);
    sum += static_cast<double>(contexts_.back());
  }
  if (contexts_.empty()) {
    return std::nullopt;
  }
  const double mean = sum / static_cast<double>(contexts_.size());
  return std::llround(mean * mixed_.stretch(contexts_, heads));
}

}  // namespace lockstep
