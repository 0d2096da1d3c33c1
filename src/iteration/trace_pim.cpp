#include "iteration/trace_pim.hpp"

#include <algorithm>
#include <functional>

namespace lockstep {

void PimSchedule::assign(std::span<const BatchEntry> entries, std::int64_t channels,
                         std::int64_t split, bool prompt_only) {
  sorted_.clear();
  for (const BatchEntry& entry : entries) {
    if (!entry.request->is_init) {
      sorted_.push_back(prompt_only ? entry.request->input : entry.computed_before + entry.tokens);
    }
  }
  std::sort(sorted_.begin(), sorted_.end(), std::greater<>());
  lengths_.resize(static_cast<std::size_t>(channels));
  heap_.clear();
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    lengths_[static_cast<std::size_t>(channel)].clear();
    heap_.emplace_back(0, channel);  // ascending, so it is a heap already
  }
  for (const std::int64_t length : sorted_) {
    for (std::int64_t part = 0; part < split; ++part) {
      std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
      auto& [load, channel] = heap_.back();
      lengths_[static_cast<std::size_t>(channel)].push_back(length);
      load += length;
      std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
    }
  }
}

}  // namespace lockstep
