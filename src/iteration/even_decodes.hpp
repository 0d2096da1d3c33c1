// Decodes of a step of a described model as so many of one length, where the attention kernel deals
// out their parts.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "iteration/trace_shape.hpp"
#include "perf/mixed_decodes.hpp"

namespace lockstep {

/// Always looked at anew, so that a step's time depends on nothing but the step. Not thread-safe.
class EvenDecodes {
public:
  explicit EvenDecodes(const SplitDecodes& rates) : mixed_(rates) {}

  /// Nothing where there are prompts or proposed tokens, or no sequences are named.
  [[nodiscard]] std::optional<std::int64_t> length(const BatchShape& shape, const HeadShape& heads);

private:
  MixedDecodes mixed_;
  std::vector<std::int64_t> contexts_;
};

}  // namespace lockstep
