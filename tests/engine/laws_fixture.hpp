// What the tests of laws share: a workload, the end of a run, and all that its result file shows.
#pragma once

#include <fmt/format.h>

#include <string>

#include "engine/system_fixture.hpp"

namespace lockstep::testing {

inline Calls some_calls() {
  Calls calls;
  for (int k = 0; k < 8; ++k) {
    calls.add(50'000 * k, 40 + 60 * k, 6 + k);
  }
  return calls;
}

inline Replica replica_of(const std::string& model, int tp = 1, int pp = 1, int ep = 1) {
  Replica replica;
  replica.model = model;
  replica.tp = tp;
  replica.pp = pp;
  replica.ep = ep;
  return replica;
}

inline std::int64_t end_of(const ToyCluster& toy, const Calls& calls = some_calls(),
                           const RunOptions& options = round_robin()) {
  const Outcome outcome = run_toy(toy, calls, options);
  expect_sound(outcome, calls);
  return outcome.last_end().count();
}

/// All that the result file shows of the requests, in its order.
inline std::string results(const Outcome& outcome) {
  std::string text;
  for (const auto& list : outcome.done) {
    for (const Request& request : list) {
      std::int64_t itl = 0;
      for (const Nanos gap : request.itl) {
        itl = itl * 31 + gap.count() % 1'000'003;
        itl %= 1'000'000'007;
      }
      text += fmt::format("{} {} {} {} {} {} {} {}\n", request.id, request.arrival.count(),
                          request.end_time.count(), request.latency.count(),
                          request.queuing_delay.count(), request.ttft.count(), request.tpot.count(),
                          itl);
    }
  }
  return text;
}

}  // namespace lockstep::testing
