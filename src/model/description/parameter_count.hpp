// How many weights a model has, of which kind and in which format, and how many of them one token
// touches; for the whole model or for one rank.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "model/description/model_description.hpp"
#include "model/description/parallel_split.hpp"

namespace lockstep {

enum class WeightKind : std::uint8_t {
  embedding,
  head,
  attention,
  mlp,
  experts,
  shared_experts,
  router,
  norms,
};
inline constexpr int kWeightKindCount = 8;
[[nodiscard]] std::string_view weight_kind_name(WeightKind kind);

struct WeightCount {
  WeightKind kind;
  WeightFormat format;
  std::int64_t count = 0;    ///< weights, biases and norms included, scales not
  std::int64_t touched = 0;  ///< by one token; the embedding counts in full
  [[nodiscard]] Bytes bytes() const { return format.bytes(count); }
};

/// By kind and format; prediction layers are left out, as servers do unless asked for them.
struct ParameterCount {
  std::vector<WeightCount> parts;

  [[nodiscard]] std::int64_t total() const;
  [[nodiscard]] std::int64_t active() const;
  [[nodiscard]] Bytes bytes() const;
};

/// A tied head counts once, as embedding.
[[nodiscard]] ParameterCount count_parameters(const ModelDescription& model);
/// Of the largest stage's rank: a part that does not divide is rounded up, KV heads are repeated
/// when there are fewer of them than ranks, and the first stage's embedding stands for both ends.
[[nodiscard]] ParameterCount count_rank_parameters(const ModelDescription& model,
                                                   const ParallelSplit& split);
/// Of the prediction layers with their own projection; embedding and head are the model's.
[[nodiscard]] std::int64_t count_prediction_parameters(const ModelDescription& model);

}  // namespace lockstep
