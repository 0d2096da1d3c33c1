#include "endpoint/placeholder_tokens.hpp"

#include <array>

namespace lockstep {
namespace {

constexpr std::size_t kBytesPerToken = 4;

/// Spreads every bit of x over all bits (the finaliser of splitmix64).
std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

std::int32_t token_of(std::string_view bytes) {
  std::uint32_t id = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    id |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i])) << (8U * i);
  }
  constexpr std::uint32_t kNoSign = 0x7fffffffU;  // ids are not negative
  return static_cast<std::int32_t>(id & kNoSign);
}

}  // namespace

void append_text(std::string_view text, TokenIds& tokens) {
  for (std::size_t begin = 0; begin < text.size(); begin += kBytesPerToken) {
    tokens.push_back(token_of(text.substr(begin, kBytesPerToken)));
  }
}

void append_message_head(std::string_view role, TokenIds& tokens) {
  tokens.push_back(token_of("\x01<|"));
  tokens.push_back(token_of(role.substr(0, kBytesPerToken)));
  tokens.push_back(token_of("\x01|>"));
}

void append_message_end(TokenIds& tokens) {
  tokens.push_back(token_of("\x01</"));
}

PlaceholderAnswer::PlaceholderAnswer(const TokenIds& prompt) : seed_(prompt.size()) {
  for (const std::int32_t token : prompt) {
    seed_ = scramble(seed_ ^ static_cast<std::uint32_t>(token)) + 0x9e3779b97f4a7c15ULL;
  }
}

std::string PlaceholderAnswer::word(std::int64_t i) const {
  constexpr std::string_view kConsonants = "bdfgklmnprstvz";
  constexpr std::string_view kVowels = "aeiou";
  std::uint64_t bits = scramble(seed_ + static_cast<std::uint64_t>(i));
  const auto pick = [&bits](std::string_view letters) {
    const char letter = letters[bits % letters.size()];
    bits /= letters.size();
    return letter;
  };
  const std::array word{pick(kConsonants), pick(kVowels), pick(kConsonants), ' '};
  return {word.data(), word.size()};
}

TokenIds PlaceholderAnswer::tokens(std::int64_t count) const {
  TokenIds tokens;
  tokens.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    append_text(word(i), tokens);
  }
  return tokens;
}

}  // namespace lockstep
