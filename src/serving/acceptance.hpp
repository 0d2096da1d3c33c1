// Which tokens that a draft model proposes are accepted.
#pragma once

#include <cstdint>

#include "config/serving_features.hpp"

namespace lockstep {

/// How many of `drafts` proposed tokens of a request are accepted, of which the first would be its
/// token `position`: those before the first one that is rejected. Each is accepted with the chance
/// `acceptance`, by a draw of its own that follows from seed, request and position alone (the
/// uniform 53 bits of SplitMix64, Steele et al. 2014). No position is asked for twice, since the
/// next proposals begin behind the token that replaces a rejected one.
[[nodiscard]] std::int64_t accepted_drafts(const Speculation& speculation, std::int64_t request,
                                           std::int64_t position, std::int64_t drafts);

}  // namespace lockstep
