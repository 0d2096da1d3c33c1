// What a sequence leaves behind in memory: keys and values a token, states of fixed size.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "model/description/model_description.hpp"

namespace lockstep {

/// Of one layer on one of `tp` ranks (KV heads are repeated when there are fewer of them than
/// ranks, latent caches are not split); 0 for mixers without a cache. A layer with a window needs
/// as much for each token that it still sees.
[[nodiscard]] Bytes cache_bytes_per_token(const ModelDescription& model, const LayerKind& kind,
                                          std::int64_t tp = 1);
/// Of one layer and sequence on one of `tp` ranks; 0 for mixers with a cache.
[[nodiscard]] Bytes state_bytes(const ModelDescription& model, const LayerKind& kind,
                                std::int64_t tp = 1);

/// Of all layers, whatever their window: what a new token takes.
[[nodiscard]] Bytes cache_bytes_per_token(const ModelDescription& model, std::int64_t tp = 1);
/// Of all layers, for one sequence.
[[nodiscard]] Bytes state_bytes(const ModelDescription& model, std::int64_t tp = 1);

}  // namespace lockstep
