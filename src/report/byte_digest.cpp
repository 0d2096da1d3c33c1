#include "report/byte_digest.hpp"

#include <fmt/format.h>
#include <xxhash.h>

namespace lockstep {

void ByteDigest::Free::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

ByteDigest::ByteDigest() : state_(XXH3_createState()) {
  XXH3_128bits_reset(state_.get());
}

void ByteDigest::update(std::string_view bytes) {
  XXH3_128bits_update(state_.get(), bytes.data(), bytes.size());
}

std::string ByteDigest::hex() const {
  const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

}  // namespace lockstep
