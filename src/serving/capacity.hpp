// What fits: weights, KV cache and concurrent requests of one replica on a kind of NPU, and the
// smallest number of NPUs that can serve the model at all.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/footprint.hpp"
#include "serving/npu_kv_layout.hpp"

namespace lockstep {

/// Weights of a rank by what they are for: the layers' rule, or those of a described model, whose
/// MLPs, experts and routers are `feed_forward`.
[[nodiscard]] WeightsByKind weights_of_rank(const Instance& instance);

struct Capacity {
  NpuKvLayout layout;     ///< per rank
  WeightsByKind weights;  ///< per rank; of the reference's rule, which charges every stage alike
  Bytes kv_per_token;     ///< per rank

  /// Requests of `context` tokens that the blocks hold at once.
  [[nodiscard]] double concurrency(std::int64_t context) const;
};

/// Throws UserError with the numbers when the weights or one block do not fit. `reserve` is set
/// aside on every rank for activations, contexts and graphs beside the share that may be used.
[[nodiscard]] Capacity capacity_of(Instance instance, const FidelityPolicy& policy, Bytes reserve);

/// The degrees set on an instance; experts are split over its tensor ranks where they divide.
[[nodiscard]] Instance with_degrees(Instance instance, std::int64_t tp, std::int64_t pp);

/// tp divides the attention heads, and every stage has a layer.
[[nodiscard]] bool divides(const ModelConfig& model, std::int64_t tp, std::int64_t pp);

struct FittingPlan {
  std::int64_t tp = 1, pp = 1;
  Capacity capacity;
};

/// All plans of the smallest power of two of NPUs (up to `most`) that hold at least one request of
/// `context` tokens, largest tp first; none when even `most` do not.
[[nodiscard]] std::vector<FittingPlan> fewest_npus(const Instance& instance,
                                                   const FidelityPolicy& policy, Bytes reserve,
                                                   std::int64_t context, std::int64_t most);

}  // namespace lockstep
