// How many ways an instance is cut: tensor, pipeline and expert degree, and its NPU count.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/json_view.hpp"
#include "model/model_config.hpp"

namespace lockstep {

struct Degrees {
  std::int64_t num_npus = 1;  ///< tp * pp
  std::int64_t tp = 1;
  std::int64_t pp = 1;
  std::int64_t ep = 1;
  friend bool operator==(const Degrees&, const Degrees&) = default;
};

/// Fills in what the instance leaves out and checks the rest. Appends notes to `warnings`.
[[nodiscard]] Degrees resolve_degrees(const JsonView& instance, const ModelConfig& model,
                                      std::vector<std::string>& warnings);

}  // namespace lockstep
