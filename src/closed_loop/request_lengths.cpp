#include "closed_loop/request_lengths.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace lockstep {
namespace {

/// Uniform in [least, most]: outputs cut to as many bits as the range has, drawn again beyond it.
class MaskedDraws {
public:
  MaskedDraws(MersenneTwister& random, std::int64_t least, std::int64_t most)
      : random_(random), least_(least), range_(static_cast<std::uint32_t>(most - least)) {
    while (mask_ < range_) {
      mask_ = mask_ * 2 + 1;
    }
  }
  std::int64_t next() {
    if (range_ == 0) {
      return least_;
    }
    std::uint32_t value = random_.next() & mask_;
    while (value > range_) {
      value = random_.next() & mask_;
    }
    return least_ + value;
  }

private:
  MersenneTwister& random_;
  std::int64_t least_;
  std::uint32_t range_;
  std::uint32_t mask_ = 0;
};

std::int64_t least_of(std::int64_t nominal, double share) {
  return std::max<std::int64_t>(
      static_cast<std::int64_t>(std::floor(static_cast<double>(nominal) * share)), 1);
}

}  // namespace

std::vector<RequestLength> draw_lengths(std::int64_t count, std::int64_t input, std::int64_t output,
                                        double share, std::uint32_t seed) {
  MersenneTwister random = MersenneTwister::from_seed(seed);
  std::vector<RequestLength> lengths(static_cast<std::size_t>(count));
  MaskedDraws inputs(random, least_of(input, share), input);
  for (RequestLength& length : lengths) {
    length.input = inputs.next();
  }
  MaskedDraws outputs(random, least_of(output, share), output);
  for (RequestLength& length : lengths) {
    length.output = outputs.next();
  }
  return lengths;
}

}  // namespace lockstep
