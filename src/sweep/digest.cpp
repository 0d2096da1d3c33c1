#include "sweep/digest.hpp"

#include <fmt/format.h>

#include <bit>
#include <fstream>
#include <vector>

#include "base/error.hpp"

namespace lockstep {
namespace {

std::uint64_t scrambled(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31U);
}

}  // namespace

void Digest::add(std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<std::uint64_t>(static_cast<unsigned char>(c));
    a_ = std::rotl((a_ ^ byte) * 0x00000100000001b3ULL, 23);
    b_ = std::rotl((b_ + byte) * 0x9fb21c651e98df25ULL, 29) ^ a_;
  }
  length_ += bytes.size();
}

void Digest::add_piece(std::string_view bytes) {
  add(fmt::format("{}:", bytes.size()));
  add(bytes);
}

std::string Digest::hex() const {
  const std::uint64_t high = scrambled(a_ ^ length_);
  return fmt::format("{:016x}{:016x}", high, scrambled(b_ + high));
}

std::string file_digest(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) {
    throw UserError("cannot read this file", {file.string(), 0, {}},
                    "check that it exists and that you may read it");
  }
  Digest digest;
  std::vector<char> block(std::size_t{1} << 16U);
  while (in.read(block.data(), std::ssize(block)) || in.gcount() > 0) {
    digest.add({block.data(), static_cast<std::size_t>(in.gcount())});
  }
  return digest.hex();
}

}  // namespace lockstep
