#include "workload/workload_recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/json_field.hpp"

namespace lockstep {
namespace {

bool arrives_by_itself(const WorkloadRequest& request) {
  return request.session < 0 || request.session_call == 0;
}

Workload generate(const WorkloadRecipe& recipe) {
  FlatOptions options = recipe.generator;
  options.with_token_ids = options.with_token_ids && recipe.with_token_ids;
  FlatGenerator generator(options);
  Workload workload;
  WorkloadRequest request;
  while (generator.next(request)) {
    workload.requests.push_back(request);
  }
  return workload;
}

}  // namespace

Nanos scaled_arrival(Nanos arrival, double factor) {
  if (!(factor > 0.0) || !std::isfinite(factor)) {
    throw UserError(fmt::format("arrivals cannot be scaled by {}", factor),
                    Where{{}, 0, "rate_scale"}, "give a number above 0");
  }
  if (factor == 1.0) {
    return arrival;
  }
  const double scaled = static_cast<double>(arrival.count()) / factor;
  if (!(scaled < static_cast<double>(kLargestNumber))) {
    throw UserError("the scaled arrivals pass 2^62 ns (146 years)", Where{{}, 0, "rate_scale"},
                    "give a larger factor");
  }
  return Nanos{truncate(scaled)};
}

void scale_arrivals(Workload& workload, double factor) {
  static_cast<void>(scaled_arrival({}, factor));  // refused for an empty workload as well
  for (WorkloadRequest& request : workload.requests) {
    request.arrival =
        arrives_by_itself(request) ? scaled_arrival(request.arrival, factor) : request.arrival;
  }
}

double arrival_rate(const Workload& workload) {
  std::int64_t arrivals = 0;
  Nanos first = Nanos::max();
  Nanos last;
  for (const WorkloadRequest& request : workload.requests) {
    if (arrives_by_itself(request)) {
      ++arrivals;
      first = std::min(first, request.arrival);
      last = std::max(last, request.arrival);
    }
  }
  if (arrivals < 2 || last <= first) {
    return 0.0;
  }
  return static_cast<double>(arrivals - 1) * 1e9 / static_cast<double>((last - first).count());
}

Workload make_workload(const WorkloadRecipe& recipe) {
  Workload workload = recipe.file.empty()
                          ? generate(recipe)
                          : read_workload(recipe.file, {recipe.max_lines, recipe.with_token_ids});
  double factor = recipe.rate_scale;
  if (recipe.rate && !recipe.file.empty()) {
    const double present = arrival_rate(workload);
    if (present == 0.0) {
      throw UserError("this workload has no rate: all of it arrives at once",
                      Where{recipe.file, 0, "rate"},
                      "leave out the rate, or take another workload");
    }
    factor *= *recipe.rate / present;
  }
  scale_arrivals(workload, factor);
  return workload;
}

}  // namespace lockstep
