#include "endpoint/histogram.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace lockstep {

void Histogram::observe(double value) {
  const auto bucket = std::lower_bound(bounds_.begin(), bounds_.end(), value) - bounds_.begin();
  if (bucket < std::ssize(bounds_)) {
    ++counts_[static_cast<std::size_t>(bucket)];
  }
  ++count_;
  sum_ += value;
}

void Histogram::append_text(std::string_view name, std::string_view labels,
                            std::string& out) const {
  const auto into = std::back_inserter(out);
  std::int64_t below = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    below += counts_[i];
    // With a decimal point, as Prometheus' own client writes bounds.
    const std::string bound = fmt::format("{}", bounds_[i]);
    const bool whole = bound.find_first_of(".e") == std::string::npos;
    fmt::format_to(into, "{}_bucket{{{},le=\"{}{}\"}} {}\n", name, labels, bound, whole ? ".0" : "",
                   below);
  }
  fmt::format_to(into,
                 "{0}_bucket{{{1},le=\"+Inf\"}} {2}\n{0}_sum{{{1}}} {3}\n{0}_count{{{1}}} {2}\n",
                 name, labels, count_, sum_);
}

}  // namespace lockstep
