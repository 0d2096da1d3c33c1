#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_set>

#include "base/error.hpp"
#include "workload/prefix_ids.hpp"
#include "workload/workload_stats.hpp"

namespace lockstep {
namespace {

/// Name of a block with all that precedes it: 128 bits, so that a chance match is out of reach.
struct BlockName {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const BlockName&, const BlockName&) = default;
};

struct BlockNameHash {
  std::size_t operator()(const BlockName& name) const { return name.low; }
};

std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

BlockName extend(BlockName name, std::uint64_t word) {
  return {mix(name.high ^ (word + 0x9e3779b97f4a7c15U)),
          mix(name.low + word + 0xd1b54a32d192ed03U)};
}

class BlockCache {
public:
  explicit BlockCache(std::int64_t block_size) : block_size_(block_size) {}

  /// Looks up at most `most_blocks` leading blocks, then keeps all full ones. Gives the hits.
  std::int64_t pass(const WorkloadRequest& call, std::int64_t most_blocks) {
    std::int64_t hits = 0;
    std::int64_t blocks = 0;
    std::int64_t filled = 0;
    BlockName name;
    for (const TokenIds* ids : {&call.input_ids, &call.output_ids}) {
      for (const std::int32_t id : *ids) {
        name = extend(name, static_cast<std::uint32_t>(id));
        if (++filled < block_size_) {
          continue;
        }
        filled = 0;
        hits += knew(name) && hits == blocks && blocks < most_blocks ? 1 : 0;
        ++blocks;
      }
    }
    return hits;
  }
  /// The same for a prompt of which only prefix ids are known.
  std::int64_t pass_prefix_ids(const WorkloadRequest& call, std::int64_t most_blocks) {
    std::int64_t hits = 0;
    BlockName name{kOfPrefixIds, kOfPrefixIds};
    for (std::int64_t block = 0; block < call.input_toks / block_size_; ++block) {
      visit_prefix_parts(call.prefix_ids, block * block_size_, (block + 1) * block_size_,
                         [&](std::uint64_t word) { name = extend(name, word); });
      hits += knew(name) && hits == block && block < most_blocks ? 1 : 0;
    }
    return hits;
  }

private:
  static constexpr std::uint64_t kOfPrefixIds = 0x8f1bbcdc5a827999U;  ///< no token's text

  /// Remembers the block.
  bool knew(const BlockName& name) { return !blocks_.insert(name).second; }

  std::int64_t block_size_;
  std::unordered_set<BlockName, BlockNameHash> blocks_;  ///< membership only, never walked
};

std::vector<std::size_t> arrival_order(const Workload& workload) {
  std::vector<std::size_t> order(workload.requests.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto line_arrival = [&workload](std::size_t index) {
    const WorkloadRequest& call = workload.requests[index];
    return workload.requests[index - static_cast<std::size_t>(call.session_call)].arrival;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return line_arrival(a) < line_arrival(b); });
  return order;
}

}  // namespace

PrefixReuse prefix_reuse(const Workload& workload, std::int64_t block_size) {
  if (block_size < 1) {
    throw UserError(fmt::format("a cache block cannot hold {} tokens", block_size),
                    Where{{}, 0, "--block-size"}, "give a number of tokens above 0");
  }
  PrefixReuse result;
  result.block_size = block_size;
  BlockCache cache(block_size);
  for (const std::size_t index : arrival_order(workload)) {
    const WorkloadRequest& call = workload.requests[index];
    result.prompt_tokens += call.input_toks;
    const bool by_prefix_ids = !call.prefix_ids.empty();
    if (!by_prefix_ids && call.input_ids.empty() && call.output_ids.empty()) {
      continue;
    }
    ++result.calls_with_ids;
    const std::int64_t most = std::max<std::int64_t>(0, call.input_toks - 1) / block_size;
    const std::int64_t hits =
        by_prefix_ids ? cache.pass_prefix_ids(call, most) : cache.pass(call, most);
    result.reused_tokens += hits * block_size;
    result.reusing_calls += hits > 0 ? 1 : 0;
  }
  return result;
}

}  // namespace lockstep
