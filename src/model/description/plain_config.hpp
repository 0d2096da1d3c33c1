// A described model in the fields of the older, smaller reader, for whoever asks for a name, a
// context length or a number of layers only. Nothing that depends on the kinds of layers may be
// reckoned from it.
#pragma once

#include "model/description/model_description.hpp"
#include "model/model_config.hpp"

namespace lockstep {

/// Heads are those of the first kind of layer that has some; latent attention counts as many KV
/// heads as heads, since each rank holds the whole latent vector.
[[nodiscard]] ModelConfig plain_config(const ModelDescription& description);

}  // namespace lockstep
