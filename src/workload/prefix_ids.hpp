// Prompts whose text is known only as ids of 512 tokens each, as public traces give it: token t of
// a prompt is token t % 512 of id t / 512. Equal ids at equal places, all before them equal too,
// are a shared prefix. The last id may be begun only; what is generated has no id.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace lockstep {

/// Tokens that one id stands for.
inline constexpr std::int64_t kPrefixIdTokens = 512;

/// Ids that a prompt takes, the begun one included.
[[nodiscard]] constexpr std::int64_t prefix_ids_of(std::int64_t input_toks) {
  return input_toks / kPrefixIdTokens + (input_toks % kPrefixIdTokens > 0 ? 1 : 0);
}

/// Calls `visit(word)` for each part of the tokens [begin, end) that lies within one id. The word
/// tells id and first token; together with the range it is the part's content, so that blocks of
/// any size are known exactly. The ids must reach to `end`.
template <class Visit>
void visit_prefix_parts(std::span<const std::int32_t> ids, std::int64_t begin, std::int64_t end,
                        Visit visit) {
  while (begin < end) {
    const std::uint32_t id =
        static_cast<std::uint32_t>(ids[static_cast<std::size_t>(begin / kPrefixIdTokens)]);
    const auto first = static_cast<std::uint64_t>(begin % kPrefixIdTokens);
    visit(std::uint64_t{id} | (first << 32U));
    begin = std::min(end, (begin / kPrefixIdTokens + 1) * kPrefixIdTokens);
  }
}

}  // namespace lockstep
