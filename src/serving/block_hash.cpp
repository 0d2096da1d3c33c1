#include "serving/block_hash.hpp"

#include <algorithm>
#include <bit>

#include "workload/prefix_ids.hpp"

namespace lockstep {
namespace {

// Odd constants with well-spread bits (fractions of the golden ratio and of square roots).
constexpr std::uint64_t kSeedA = 0x9e3779b97f4a7c15ULL, kSeedB = 0x6a09e667f3bcc909ULL;
constexpr std::uint64_t kMulA = 0xbb67ae8584caa73bULL, kMulB = 0x3c6ef372fe94f82bULL;
constexpr std::uint64_t kMulC = 0xa54ff53a5f1d36f1ULL, kMulD = 0x510e527fade682d1ULL;

void absorb(BlockHash& state, std::uint64_t word) {
  state.high = std::rotl(state.high ^ (word * kMulA), 31) * kMulB + state.low;
  state.low = std::rotl(state.low ^ (word * kMulC), 29) * kMulD + state.high;
}

std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

/// Spreads the last tokens over all bits; a bijection as well.
BlockHash finish(BlockHash state) {
  state.high = scramble(state.high);
  state.low = scramble(state.low + state.high);
  state.high += state.low;
  return state;
}

BlockHash next_hash(BlockHash state, std::span<const std::int32_t> tokens) {
  std::size_t i = 0;
  for (; i + 1 < tokens.size(); i += 2) {
    const std::uint64_t low = static_cast<std::uint32_t>(tokens[i]);
    const std::uint64_t high = static_cast<std::uint32_t>(tokens[i + 1]);
    absorb(state, low | (high << 32U));
  }
  if (i < tokens.size()) {
    absorb(state, static_cast<std::uint32_t>(tokens[i]));
  }
  return finish(state);
}

/// Chains of prefix ids begin elsewhere than those of tokens: they never meet.
constexpr BlockHash kPrefixIdSeed{0x1f83d9abfb41bd6bULL, 0x5be0cd19137e2179ULL};
/// Blocks whose hashes differ in the lowest bits only, so that they are neighbours in the index.
constexpr std::int64_t kGroup = 8;

/// `count` blocks of an id, whose chain has come to `of_id`.
void append_blocks_of_id(BlockHash of_id, std::int64_t count, std::vector<BlockHash>& hashes) {
  BlockHash group;
  for (std::int64_t block = 0; block < count; ++block) {
    const auto place = static_cast<std::uint64_t>(block % kGroup);
    if (place == 0) {
      group = of_id;
      absorb(group, static_cast<std::uint64_t>(block));
      group = finish(group);
      group.low &= ~static_cast<std::uint64_t>(kGroup - 1);
    }
    hashes.push_back({group.high, group.low | place});
  }
}

}  // namespace

std::vector<BlockHash> chain_block_hashes(std::span<const std::int32_t> prompt,
                                          std::span<const std::int32_t> output,
                                          std::int64_t block_size) {
  std::vector<BlockHash> hashes;
  if (prompt.empty()) {
    return hashes;
  }
  std::vector<std::int32_t> tokens(prompt.begin(), prompt.end());
  tokens.insert(tokens.end(), output.begin(), output.end());
  const auto length = static_cast<std::size_t>(block_size);
  hashes.reserve(tokens.size() / length);
  BlockHash state{kSeedA, kSeedB};
  for (std::size_t end = length; end <= tokens.size(); end += length) {
    state = next_hash(state, std::span(tokens).subspan(end - length, length));
    hashes.push_back(state);
  }
  return hashes;
}

std::vector<BlockHash> chain_prefix_id_hashes(std::span<const std::int32_t> ids,
                                              std::int64_t input_toks, std::int64_t block_size) {
  std::vector<BlockHash> hashes;
  const std::int64_t blocks = input_toks / block_size;
  hashes.reserve(static_cast<std::size_t>(blocks));
  BlockHash state = kPrefixIdSeed;
  if (kPrefixIdTokens % block_size == 0) {  // no block reaches into two ids
    const std::int64_t per_id = kPrefixIdTokens / block_size;
    for (std::int64_t first = 0; first < blocks; first += per_id) {
      absorb(state, static_cast<std::uint32_t>(ids[static_cast<std::size_t>(first / per_id)]));
      append_blocks_of_id(state, std::min(per_id, blocks - first), hashes);
    }
    return hashes;
  }
  for (std::int64_t end = block_size; end <= input_toks; end += block_size) {
    visit_prefix_parts(ids, end - block_size, end,
                       [&state](std::uint64_t word) { absorb(state, word); });
    state = finish(state);
    hashes.push_back(state);
  }
  return hashes;
}

void of_adapter(std::vector<BlockHash>& hashes, std::int32_t adapter) {
  const std::uint64_t word = (static_cast<std::uint64_t>(adapter) + 1) * 0x9e3779b97f4a7c15U;
  for (BlockHash& hash : hashes) {  // a bijection for each adapter
    hash.high = (hash.high ^ word) * 0xbf58476d1ce4e5b9U;
    hash.low = (hash.low + (word >> 7U | word << 57U)) * 0x94d049bb133111ebU;
  }
}

}  // namespace lockstep
