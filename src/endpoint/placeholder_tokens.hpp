// Text without a tokenizer. Four bytes of UTF-8 are one token, and they are its id, so that equal
// texts are equal tokens and the prefix cache finds what came before. Answers are made of words of
// four bytes, so that an answer that comes back in the next prompt is the same tokens again.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "workload/workload.hpp"

namespace lockstep {

/// Tokens that a chat template puts around a message, and before the answer.
inline constexpr std::int64_t kTokensBeforeMessage = 3;
inline constexpr std::int64_t kTokensAfterMessage = 1;

/// Appends ceil(bytes / 4) tokens; the last one is filled up with zero bytes.
void append_text(std::string_view text, TokenIds& tokens);
/// Appends what comes before a message of `role`: kTokensBeforeMessage tokens.
void append_message_head(std::string_view role, TokenIds& tokens);
/// Appends kTokensAfterMessage tokens.
void append_message_end(TokenIds& tokens);

/// The words of an answer: a function of its prompt, always the same.
class PlaceholderAnswer {
public:
  explicit PlaceholderAnswer(const TokenIds& prompt);
  /// Token `i` from 0: three letters and a blank.
  [[nodiscard]] std::string word(std::int64_t i) const;
  [[nodiscard]] TokenIds tokens(std::int64_t count) const;

private:
  std::uint64_t seed_;
};

}  // namespace lockstep
