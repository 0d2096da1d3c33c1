#include "perf/decode_blocks.hpp"

#include <algorithm>
#include <cmath>

namespace lockstep {

bool DecodeBlocks::split(std::int64_t sequences, std::int64_t kv_heads) const {
  constexpr double kNearlyFull = 0.8;
  const auto blocks = static_cast<double>(sequences * kv_heads);
  return blocks < kNearlyFull * 2 * static_cast<double>(multiprocessors);
}

/// Running blocks share the memory evenly, so that all have read equally much at any time: a block
/// is done when that reaches what had been read at its start plus its own bytes.
Nanos DecodeBlocks::time(std::span<const double> bytes, std::int64_t kv_heads,
                         BlockSchedule& schedule) const {
  constexpr double kNanosPerMicro = 1e3;
  const double start_bytes = start_us * kNanosPerMicro * block_gb_s;  // GB/s are bytes a ns
  const auto rounds = static_cast<std::size_t>(std::max<std::int64_t>(kv_heads, 0));
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(multiprocessors, 1));
  const std::span<const double> ends = schedule.ends({bytes, start_bytes}, rounds, most);
  const std::size_t first = std::min(ends.size(), most);
  const std::size_t waited = ends.size() - first;
  const auto rate = [&](std::size_t running) {
    return std::min(block_gb_s, memory_gb_s / static_cast<double>(running));
  };
  double read = 0;
  double nanos = launch_us * kNanosPerMicro;
  for (std::size_t i = waited; i < ends.size(); ++i) {
    nanos += (ends[i] - read) / rate(ends.size() - i);
    read = ends[i];
  }
  return Nanos{std::max<std::int64_t>(1, std::llround(nanos))};
}

}  // namespace lockstep
