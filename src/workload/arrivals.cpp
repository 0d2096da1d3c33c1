#include "workload/arrivals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/json_field.hpp"
#include "workload/variates.hpp"

namespace lockstep {
namespace {

void require_positive(double value, const char* what, const char* flag) {
  if (!(value > 0.0) || !std::isfinite(value)) {
    throw UserError(fmt::format("the {} must be positive, not {}", what, value), Where{{}, 0, flag},
                    "give a number above 0");
  }
}

}  // namespace

ArrivalProcess::ArrivalProcess(const ArrivalOptions& options)
    : options_(options),
      stream_(MersenneTwister::from_seed(options.seed)),
      mean_gap_(1e9 / std::max(options.rate, 1e-9)),
      now_(options.first) {
  require_positive(options.rate, "rate", "--sps");
  require_positive(options.shape, "shape of the gaps", "--shape");
  require_positive(static_cast<double>(options.pulse_size), "size of a pulse", "--pulse-n");
  require_positive(static_cast<double>(options.period.count()), "period of the rate",
                   "--period-sec");
  if (!(options.swing >= 0.0 && options.swing <= 1.0)) {
    throw UserError(fmt::format("the rate cannot swing by {}", options.swing),
                    Where{{}, 0, "--swing"}, "give a number from 0 (even) to 1 (down to nothing)");
  }
  if (options.pulse_delay < Nanos{}) {
    throw UserError("the delay between pulses is negative", Where{{}, 0, "--pulse-delay-sec"},
                    "give a number of seconds >= 0");
  }
}

double ArrivalProcess::random_gap() {
  switch (options_.kind) {
    case ArrivalKind::gamma:
      return gamma_variate(stream_, options_.shape) * (mean_gap_ / options_.shape);
    case ArrivalKind::weibull:
      return weibull_variate(stream_, options_.shape) * mean_gap_;
    default:
      return stream_.exponential(mean_gap_);
  }
}

/// The expected number of arrivals up to t, W(t) = rate (t - swing P / 2pi sin(2 pi t / P)), grows
/// by a unit exponential from one arrival to the next; W is inverted by halving.
double ArrivalProcess::diurnal_time() {
  const double turn = 2.0 * std::numbers::pi / static_cast<double>(options_.period.count());
  const auto expected = [&](double t) {
    return (t - options_.swing / turn * std::sin(turn * t)) / mean_gap_;
  };
  work_ += stream_.exponential(1.0);
  const double middle = work_ * mean_gap_;
  double low = std::max(middle - options_.swing / turn, 0.0);
  double high = middle + options_.swing / turn;
  constexpr int kHalvings = 80;
  for (int i = 0; i < kHalvings && high - low > 0.25; ++i) {
    const double half = low + (high - low) / 2.0;
    (expected(half) < work_ ? low : high) = half;
  }
  return high;
}

Nanos ArrivalProcess::next() {
  const bool pulse = options_.kind == ArrivalKind::pulse;
  double time = static_cast<double>(now_.count());
  if (options_.kind == ArrivalKind::fixed) {  // a product, not a sum: the rounding does not pile up
    time = static_cast<double>(count_) * mean_gap_;
    now_ =
        time < static_cast<double>(kLargestNumber) ? options_.first + Nanos{truncate(time)} : now_;
  } else if (options_.kind == ArrivalKind::diurnal) {
    time = diurnal_time() + static_cast<double>(options_.first.count());
    now_ =
        time < static_cast<double>(kLargestNumber) ? std::max(now_, Nanos{truncate(time)}) : now_;
  } else if (pulse && count_ > 0 && count_ % options_.pulse_size == 0) {
    now_ += options_.pulse_delay;
  } else if (!pulse || options_.pulse_poisson) {
    const double gap = random_gap();
    time += gap;
    now_ += time < static_cast<double>(kLargestNumber) ? Nanos{truncate(gap)} : Nanos{};
  }
  if (!(time < static_cast<double>(kLargestNumber)) || now_.count() > kLargestNumber) {
    throw UserError("the arrivals pass 2^62 ns (146 years)", Where{{}, 0, "--sps"},
                    "raise the rate or ask for fewer requests");
  }
  ++count_;
  return now_;
}

}  // namespace lockstep
