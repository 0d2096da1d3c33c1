#include "energy/shared_cpu.hpp"

#include <algorithm>

namespace lockstep {

double SharedCpu::add(Nanos begin, Nanos end) {
  std::erase_if(busy_, [&](const Busy& other) { return other.end <= begin; });
  std::vector<Nanos> cuts{begin, end};
  for (const Busy& other : busy_) {
    cuts.push_back(std::clamp(other.begin, begin, end));
    cuts.push_back(std::clamp(other.end, begin, end));
  }
  std::sort(cuts.begin(), cuts.end());
  double raised = 0.0;
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    const auto others =
        static_cast<double>(std::count_if(busy_.begin(), busy_.end(), [&](const Busy& other) {
          return other.begin <= cuts[i - 1] && cuts[i] <= other.end;
        }));
    const double before = std::min(others * wanted_, available_);
    const double after = std::min((others + 1.0) * wanted_, available_);
    raised += (after - before) * static_cast<double>((cuts[i] - cuts[i - 1]).count()) * 1e-9;
  }
  busy_.push_back({begin, end});
  return raised;
}

}  // namespace lockstep
