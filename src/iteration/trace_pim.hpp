// Which memory channel computes the decode attention of which request.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "serving/batch.hpp"

namespace lockstep {

/// Requests that still compute their prompt stay on the NPU. Every other one is put on `split`
/// channels, longest prompt first, each time on the channel with the smallest load.
class PimSchedule {
public:
  void assign(std::span<const BatchEntry> entries, std::int64_t channels, std::int64_t split,
              bool prompt_only = true);
  /// Prompt lengths on a channel, in order of assignment.
  [[nodiscard]] const std::vector<std::int64_t>& lengths(std::int64_t channel) const {
    return lengths_[static_cast<std::size_t>(channel)];
  }

private:
  std::vector<std::int64_t> sorted_;
  std::vector<std::pair<std::int64_t, std::int64_t>> heap_;  ///< (load, channel), smallest on top
  std::vector<std::vector<std::int64_t>> lengths_;
};

}  // namespace lockstep
