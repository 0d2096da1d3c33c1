// One cluster with its settings that a plan may choose, and the cluster file it amounts to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/json_document.hpp"
#include "plan/plan_spec.hpp"

namespace lockstep {

/// Everything but how many there are.
struct Shape {
  std::size_t hardware = 0;  ///< index into PlanSpec::hardware
  std::int64_t tp = 1, pp = 1, dp = 1;
  std::optional<std::int64_t> ep = 1;
  PdSplit pd;
  std::optional<std::int64_t> max_num_seqs, max_num_batched_tokens;
  std::optional<bool> chunked_prefill;
  std::string kv_cache_dtype;

  /// GPUs of one unit: a DP group, a prefill/decode unit, or an instance.
  [[nodiscard]] std::int64_t gpus() const;
  /// "RTX4090 tp2 dp2 pd1:3 seqs64 tokens2048 kv-fp8", without what stays as it is.
  [[nodiscard]] std::string text(const PlanSpec& spec) const;
};

struct Candidate {
  Shape shape;
  std::int64_t instances = 1;  ///< units

  [[nodiscard]] std::int64_t gpus() const { return instances * shape.gpus(); }
  /// Of one hour.
  [[nodiscard]] double cost(const PlanSpec& spec) const;
  [[nodiscard]] std::string text(const PlanSpec& spec) const;
};

/// All shapes of the space, in the order of its lists. Throws UserError above 100,000.
[[nodiscard]] std::vector<Shape> all_shapes(const PlanSpec& spec);

/// The cluster file: instances fill node after node; one that is larger than a node has one alone.
[[nodiscard]] JsonDocument cluster_of(const PlanSpec& spec, const Candidate& candidate);

}  // namespace lockstep
