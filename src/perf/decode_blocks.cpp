#include "perf/decode_blocks.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace lockstep {
namespace {

/// The smallest first; what `std::pop_heap` and `std::push_heap` would do, in one walk.
void replace_smallest(std::vector<double>& heap, double value) {
  std::size_t hole = 0;
  for (std::size_t child = 1; child < heap.size(); child = 2 * hole + 1) {
    if (child + 1 < heap.size() && heap[child + 1] < heap[child]) {
      ++child;
    }
    if (heap[child] >= value) {
      break;
    }
    heap[hole] = heap[child];
    hole = child;
  }
  heap[hole] = value;
}

}  // namespace

bool DecodeBlocks::split(std::int64_t sequences, std::int64_t kv_heads) const {
  constexpr double kNearlyFull = 0.8;
  const auto blocks = static_cast<double>(sequences * kv_heads);
  return blocks < kNearlyFull * 2 * static_cast<double>(multiprocessors);
}

/// Running blocks share the memory evenly, so that all have read equally much at any time: a block
/// is done when that reaches what had been read at its start plus its own bytes.
Nanos DecodeBlocks::time(std::span<const double> bytes, std::int64_t kv_heads) const {
  constexpr double kNanosPerMicro = 1e3;
  const std::size_t blocks =
      bytes.size() * static_cast<std::size_t>(std::max<std::int64_t>(kv_heads, 0));
  const double start_bytes = start_us * kNanosPerMicro * block_gb_s;  // GB/s are bytes a ns
  const auto work = [&](std::size_t block) { return bytes[block % bytes.size()] + start_bytes; };
  const std::size_t first = std::min(blocks, static_cast<std::size_t>(multiprocessors));
  std::vector<double> ends;
  for (std::size_t block = 0; block < first; ++block) {
    ends.push_back(work(block));
  }
  std::ranges::make_heap(ends, std::greater<>{});
  double read = 0;
  for (std::size_t block = first; block < blocks; ++block) {
    read = ends.front();
    replace_smallest(ends, read + work(block));
  }
  const auto rate = [&](std::size_t running) {
    return std::min(block_gb_s, memory_gb_s / static_cast<double>(running));
  };
  double nanos = launch_us * kNanosPerMicro + (first > 0 ? read / rate(first) : 0);
  std::ranges::sort(ends);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    nanos += (ends[i] - read) / rate(ends.size() - i);
    read = ends[i];
  }
  return Nanos{std::max<std::int64_t>(1, std::llround(nanos))};
}

}  // namespace lockstep
