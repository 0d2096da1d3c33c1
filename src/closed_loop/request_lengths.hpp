// Random prompt and output lengths as benchmark clients draw them.
#pragma once

#include <cstdint>
#include <vector>

namespace lockstep {

struct RequestLength {
  std::int64_t input = 0;
  std::int64_t output = 0;
  friend bool operator==(const RequestLength&, const RequestLength&) = default;
};

/// `count` lengths, each uniform among the whole numbers of [floor(share * n), n] for nominal sizes
/// n of prompt and output: first all prompts, then all outputs, from one stream, as NumPy's
/// random.randint draws them after random.seed(seed).
[[nodiscard]] std::vector<RequestLength> draw_lengths(std::int64_t count, std::int64_t input,
                                                      std::int64_t output, double share,
                                                      std::uint32_t seed);

}  // namespace lockstep
