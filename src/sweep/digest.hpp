// A 128-bit fingerprint of bytes, the same on every machine. Not against ill will.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace lockstep {

class Digest {
public:
  /// Appends; where one piece ends and the next begins makes no difference.
  void add(std::string_view bytes);
  /// A piece with its length in front, so that pieces cannot run into each other.
  void add_piece(std::string_view bytes);
  /// 32 hexadecimal digits of what was added so far.
  [[nodiscard]] std::string hex() const;

private:
  std::uint64_t a_ = 0x9e3779b97f4a7c15ULL;
  std::uint64_t b_ = 0x6a09e667f3bcc909ULL;
  std::uint64_t length_ = 0;
};

/// Of a file's content. Throws UserError when it cannot be read.
[[nodiscard]] std::string file_digest(const std::filesystem::path& file);

}  // namespace lockstep
