// Admission by a caller's policy instead of first come, first served.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "serving/admission_policy.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {
namespace {

[[noreturn]] void refuse_answer(std::size_t place, std::size_t count, std::string_view problem) {
  throw UserError(
      fmt::format("the scheduling policy's answer names place {} {} {} waiting requests", place,
                  problem, count),
      Where{{}, 0, "policy"},
      "answer places in the list of waiting requests, from 0, each at most once");
}

void check_places(const std::vector<std::size_t>& places, std::size_t count) {
  std::vector<bool> named(count, false);
  for (const std::size_t place : places) {
    if (place >= count) {
      refuse_answer(place, count, "of only");
    }
    if (named[place]) {
      refuse_answer(place, count, "twice, of");
    }
    named[place] = true;
  }
}

}  // namespace

void Scheduler::decide_by(AdmissionPolicy* policy) {
  if (policy != nullptr && by_priority()) {
    throw UserError(
        fmt::format("instance {} has the scheduling policy priority, and a policy of the caller's "
                    "decides who enters",
                    instance_->id),
        Where{{}, 0, "--scheduling-policy"}, "leave one of them out");
  }
  admission_ = policy;
}

void Scheduler::admit_chosen(Nanos now) {
  std::vector<Request*> arrived;
  std::copy_if(waiting_.begin(), waiting_.end(), std::back_inserter(arrived),
               [now](const Request* request) { return request->arrival <= now; });
  if (arrived.empty() || budget_ <= 0 || !may_admit_more()) {
    return;
  }
  const std::vector<const Request*> shown(arrived.begin(), arrived.end());
  const std::vector<std::size_t> places = admission_->choose(*this, now, shown);
  check_places(places, arrived.size());
  held_back_ = places.empty();
  collect_adapters();
  for (const std::size_t place : places) {
    if (!adapter_fits(*arrived[place])) {
      continue;
    }
    if (budget_ <= 0 || !may_admit_more() || !admit(*arrived[place], now)) {
      break;
    }
  }
}

/// Behind the preempted ones, by (arrival, id): a policy may admit out of order, so that the
/// whole of it is not sorted.
void Scheduler::queue_behind_preempted(Request& request) {
  const auto first = std::find_if(waiting_.begin(), waiting_.end(),
                                  [](const Request* other) { return other->num_preemptions == 0; });
  const auto place = std::find_if(first, waiting_.end(), [&](const Request* other) {
    return request.arrival != other->arrival ? request.arrival < other->arrival
                                             : request.id < other->id;
  });
  waiting_.insert(place, &request);
}

}  // namespace lockstep
