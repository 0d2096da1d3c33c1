// XXH3 with 128 bits over bytes that come in pieces, as `xxh128sum` prints it. Not against ill
// will.
#pragma once

#include <memory>
#include <string>
#include <string_view>

struct XXH3_state_s;

namespace lockstep {

class ByteDigest {
public:
  ByteDigest();
  void update(std::string_view bytes);
  [[nodiscard]] std::string hex() const;

private:
  struct Free {
    void operator()(XXH3_state_s* state) const;
  };
  std::unique_ptr<XXH3_state_s, Free> state_;
};

}  // namespace lockstep
