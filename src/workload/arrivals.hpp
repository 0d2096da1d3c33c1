// When requests (or sessions) arrive. The gaps come from a stream of their own,
// MersenneTwister::from_seed(seed), so that lengths and ids never shift them.
#pragma once

#include <cstdint>

#include "base/random.hpp"
#include "base/units.hpp"

namespace lockstep {

enum class ArrivalKind : std::uint8_t {
  poisson,  ///< exponential gaps
  fixed,    ///< equal gaps; the first arrival is at `first`
  pulse,    ///< bursts of `pulse_size`, `pulse_delay` after the last arrival of the one before
  gamma,    ///< gamma gaps: shape 1 is Poisson, below 1 burstier, above 1 more even
  weibull,  ///< Weibull gaps: likewise
  diurnal,  ///< Poisson with the rate rate * (1 - swing * cos(2 pi t / period)): lowest at the
            ///< start
};

struct ArrivalOptions {
  ArrivalKind kind = ArrivalKind::poisson;
  double rate = 10.0;  ///< arrivals per second; not used between the requests of a pulse
  Nanos first;         ///< start of the clock; a random gap precedes the first arrival too
  double shape = 1.0;  ///< of gamma and Weibull gaps
  std::int64_t pulse_size = 10;
  Nanos pulse_delay{60'000'000'000};
  Nanos period{86'400'000'000'000};  ///< of the diurnal rate
  double swing = 0.5;                ///< of the diurnal rate, 0..1: how far it leaves the mean
  bool pulse_poisson = false;        ///< exponential gaps inside a pulse instead of none
  std::uint32_t seed = 42;
};

class ArrivalProcess {
public:
  /// Throws UserError on a rate, shape or pulse size that is not positive.
  explicit ArrivalProcess(const ArrivalOptions& options);

  /// The next arrival, never before the last one. Each random gap is cut to whole nanoseconds
  /// before it is added. Throws UserError once the clock passes 2^62 ns.
  Nanos next();

private:
  double random_gap();
  [[nodiscard]] double diurnal_time();

  ArrivalOptions options_;
  MersenneTwister stream_;
  double mean_gap_;  ///< ns
  double work_ = 0;  ///< diurnal: arrivals expected so far
  std::int64_t count_ = 0;
  Nanos now_;
};

}  // namespace lockstep
