#include "workload/arrivals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

Nanos ArrivalProcess::next() {
  const bool pulse = options_.kind == ArrivalKind::pulse;
  double time = static_cast<double>(now_.count());
  if (options_.kind == ArrivalKind::fixed) {  // a product, not a sum: the rounding does not pile up
    time = static_cast<double>(count_) * mean_gap_;
    now_ =
        time < static_cast<double>(kLargestNumber) ? options_.first + Nanos{truncate(time)} : now_;
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
