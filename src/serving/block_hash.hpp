// Content hashes of token blocks, chained so that equal hashes mean equal prefixes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "serving/request.hpp"

namespace lockstep {

/// One hash per full block of `block_size` tokens of `prompt` followed by `output`; hash i covers
/// all tokens up to the end of block i. No prompt: no hashes.
///
/// Two 64-bit lanes take in two tokens at a time. Every step is a bijection of the 128-bit state
/// for given tokens, so chains that differ in one place never meet by construction, and chains
/// that differ in several meet with a chance of about 2^-128.
[[nodiscard]] std::vector<BlockHash> chain_block_hashes(std::span<const std::int32_t> prompt,
                                                        std::span<const std::int32_t> output,
                                                        std::int64_t block_size);

/// The same for a prompt of `input_toks` tokens of which only prefix ids are known, without making
/// its tokens. Chains that differ meet with a chance of about 2^-125. Blocks that generated tokens
/// reach into have no hash, as with a prompt of token ids whose answer has none.
[[nodiscard]] std::vector<BlockHash> chain_prefix_id_hashes(std::span<const std::int32_t> ids,
                                                            std::int64_t input_toks,
                                                            std::int64_t block_size);

/// Makes them the hashes of what an adapter computes from the same tokens: keys and values differ.
void of_adapter(std::vector<BlockHash>& hashes, std::int32_t adapter);

}  // namespace lockstep
