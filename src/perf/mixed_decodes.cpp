#include "perf/mixed_decodes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lockstep {
namespace {

constexpr std::int64_t kBlock = 128;  ///< keys that a thread block takes at once
constexpr std::int64_t kMostParts = 32;
constexpr std::int64_t kGrowth = 32;  ///< tokens

std::int64_t rounded_up(std::int64_t count, std::int64_t by) {
  return (count + by - 1) / by;
}

double mean_of(std::span<const std::int64_t> contexts) {
  const auto sum = std::accumulate(contexts.begin(), contexts.end(), std::int64_t{0});
  return static_cast<double>(sum) / static_cast<double>(contexts.size());
}

/// All of `now` are as many tokens, few, longer than `before`.
bool grew_together(std::span<const std::int64_t> before, std::span<const std::int64_t> now) {
  if (before.size() != now.size() || now.empty()) {
    return false;
  }
  const std::int64_t growth = now.front() - before.front();
  return growth >= 0 && growth < kGrowth &&
         std::ranges::equal(before, now,
                            [&](std::int64_t b, std::int64_t n) { return n - b == growth; });
}

}  // namespace

/// As the scheduler's preparation counts it: blocks of all sequences over the multiprocessors, a
/// tenth more, is the longest part.
double MixedDecodes::time(std::span<const std::int64_t> contexts, const HeadShape& heads,
                          BlockSchedule& schedule) {
  std::int64_t all = 0;
  for (const std::int64_t context : contexts) {
    all += rounded_up(context, kBlock);
  }
  const double share =
      1.1 * static_cast<double>(all * heads.kv_heads) / static_cast<double>(rates_.multiprocessors);
  const auto longest = std::max<std::int64_t>(static_cast<std::int64_t>(std::ceil(share)), 1);
  const double block_bytes =
      static_cast<double>(kBlock * 2 * heads.head_size * (heads.fp8_cache ? 1 : 2));
  parts_.clear();
  for (const std::int64_t context : contexts) {
    const std::int64_t blocks = rounded_up(context, kBlock);
    const std::int64_t parts = std::clamp<std::int64_t>(rounded_up(blocks, longest), 1, kMostParts);
    const std::int64_t each = rounded_up(blocks, parts);
    for (std::int64_t head = 0; head < heads.kv_heads; ++head) {
      for (std::int64_t from = 0; from < blocks; from += each) {
        parts_.push_back(static_cast<double>(std::min(each, blocks - from)) * block_bytes);
      }
    }
  }
  const DecodeBlocks running{rates_.multiprocessors,
                             heads.fp8_cache ? rates_.block_fp8_gb_s : rates_.block_gb_s,
                             rates_.memory_gb_s, 0, 0};
  return static_cast<double>(running.time(parts_, 1, schedule).count());
}

double MixedDecodes::stretch(std::span<const std::int64_t> contexts, const HeadShape& heads) {
  cut_.assign(contexts.begin(), contexts.end());
  if (heads.window > 0) {
    for (std::int64_t& context : cut_) {
      context = std::min(context, heads.window);
    }
  }
  const auto mean = static_cast<std::int64_t>(std::llround(mean_of(cut_)));
  equal_.assign(cut_.size(), std::max<std::int64_t>(mean, 1));
  return std::max(1.0, time(cut_, heads, own_) / time(equal_, heads, even_));
}

std::int64_t MixedDecodes::even_length(std::span<const std::int64_t> contexts,
                                       const HeadShape& heads) {
  Known& known = known_[{heads.kv_heads, heads.head_size, heads.window, heads.fp8_cache}];
  if (!grew_together(known.contexts, contexts)) {
    known.stretch = stretch(contexts, heads);
    known.contexts.assign(contexts.begin(), contexts.end());
  }
  return std::llround(mean_of(contexts) * known.stretch);
}

}  // namespace lockstep
