// Every plan of tensor, pipeline, expert and data parallelism on up to eight NPUs, dense and with
// experts, under workloads in which members are busy, idle, early or late: each run ends, and ends
// with everybody served.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "engine/system_fixture.hpp"

namespace lockstep {
namespace {

using testing::Calls;
using testing::expect_sound;
using testing::Outcome;
using testing::Replica;
using testing::run_toy;
using testing::ToyCluster;

struct Plan {
  bool moe = false;
  int tp = 1;
  int pp = 1;
  int ep = 1;
  int dp = 1;
  bool grouped = false;  ///< the members form a DP group

  [[nodiscard]] ToyCluster cluster() const {
    Replica replica;
    replica.model = moe ? "toy/moe" : "toy/dense";
    replica.tp = tp;
    replica.pp = pp;
    replica.ep = ep;
    replica.group = grouped ? "A" : "";
    return {static_cast<std::size_t>(dp), replica};
  }
  [[nodiscard]] std::string name() const {
    return fmt::format("{} tp{} pp{} ep{} dp{}{}", moe ? "moe" : "dense", tp, pp, ep, dp,
                       grouped ? " group" : "");
  }
};

/// Whether the rules for the degrees accept it: asked of the rules, and told by hand below.
bool accepted(const Plan& plan) {
  try {
    static_cast<void>(
        parse_cluster(plan.cluster().json(), "plan.json", {}, testing::ToyModels::paths()));
    return true;
  } catch (const UserError&) {
    return false;
  }
}

std::vector<Plan> all_plans() {
  std::vector<Plan> plans;
  constexpr int kMostNpus = 8;
  for (const int tp : {1, 2, 4}) {
    for (const int pp : {1, 2, 4}) {
      for (const int dp : {1, 2, 4}) {
        if (tp * pp * dp > kMostNpus) {
          continue;
        }
        for (const bool grouped : {false, true}) {
          plans.push_back({false, tp, pp, 1, dp, grouped});
          for (const int ep : {1, 2, 4}) {
            const Plan plan{true, tp, pp, ep, dp, grouped};
            if (accepted(plan)) {
              plans.push_back(plan);
            }
          }
        }
      }
    }
  }
  return plans;
}

struct Scenario {
  const char* name;
  Calls (*calls)(int members);
};

Calls all_busy(int members) {
  Calls calls;
  for (int k = 0; k < 3 * members; ++k) {
    calls.add(1000 * k, 40 + 7 * k, 5 + k % 3);
  }
  return calls;
}

Calls last_member_idle(int members) {
  Calls calls;
  for (int k = 0; k < std::max(1, members - 1); ++k) {
    calls.add(1000 * k, 60 + k, 12);
  }
  return calls;
}

/// Request 0 is over after one step, the last member goes on alone.
Calls first_member_drains(int members) {
  Calls calls;
  for (int k = 0; k < members; ++k) {
    calls.add(10 * k, 30 + 40 * k, 1 + 10 * k);
  }
  return calls;
}

Calls last_member_drains(int members) {
  Calls calls;
  for (int k = 0; k < members; ++k) {
    calls.add(10 * k, 30, 2 + 10 * (members - k));
  }
  return calls;
}

/// The last member gets its first work when the others have long begun, or are already done.
Calls last_member_late(int members) {
  Calls calls;
  for (int k = 0; k < members; ++k) {
    const bool late = k + 1 == members;
    calls.add(late ? 1'500'000 : 10 * k, 50, late ? 20 : 9);
  }
  calls.add(900'000'000, 50, 4);
  return calls;
}

Calls sessions(int members) {
  Calls calls;
  for (int k = 0; k < members; ++k) {
    calls.session(5000 * k, 3, 24, 4, 700'000 * (k + 1));
  }
  calls.add(2'000'000, 90, 6);
  return calls;
}

Calls many_chunks(int members) {
  Calls calls;
  for (int k = 0; k < members; ++k) {
    calls.add(100 * k, 640 + 64 * k, 6);
    calls.add(100 * k + 50, 16, 8);
  }
  return calls;
}

constexpr Scenario kScenarios[] = {{"all busy", all_busy},
                                   {"last member idle", last_member_idle},
                                   {"first member drains", first_member_drains},
                                   {"last member drains", last_member_drains},
                                   {"last member late", last_member_late},
                                   {"sessions", sessions},
                                   {"many chunks", many_chunks}};

void run_all(const RunOptions& options, bool only_exchanges) {
  for (const Plan& plan : all_plans()) {
    if (only_exchanges && plan.ep == 1) {
      continue;
    }
    for (const Scenario& scenario : kScenarios) {
      SCOPED_TRACE(fmt::format("{}, {}", plan.name(), scenario.name));
      const Calls calls = scenario.calls(plan.dp);
      try {
        expect_sound(run_toy(plan.cluster(), calls, options), calls);
      } catch (const std::exception& error) {
        ADD_FAILURE() << error.what();
      }
    }
  }
}

RunOptions options_of(Fidelity fidelity) {
  RunOptions options = testing::round_robin();
  options.fidelity = fidelity;
  options.max_num_batched_tokens = 128;
  return options;
}

TEST(ParallelPlans, AreAcceptedAsTheirRulesSay) {
  std::size_t expected = 0;
  for (const Plan& plan : all_plans()) {
    expected += plan.moe ? 1U : 0U;
    if (plan.moe && !plan.grouped) {
      EXPECT_LE(plan.ep, plan.tp) << plan.name();
    }
    if (plan.moe && plan.grouped) {
      EXPECT_EQ(plan.ep % plan.dp, 0) << plan.name();
      EXPECT_LE(plan.ep / plan.dp, plan.tp) << plan.name();
    }
  }
  std::size_t counted = 0;
  for (const int tp : {1, 2, 4}) {
    for (const int dp : {1, 2, 4}) {
      for (const int pp : {1, 2, 4}) {
        for (const int ep : {1, 2, 4}) {
          const bool fits = tp * pp * dp <= 8;
          counted += fits && ep <= tp ? 1U : 0U;
          counted += fits && ep % dp == 0 && ep / dp <= tp ? 1U : 0U;
        }
      }
    }
  }
  EXPECT_EQ(expected, counted);
}

TEST(ParallelPlans, EndAsTheReferenceSchedules) {
  run_all(options_of(Fidelity::reference), false);
}

TEST(ParallelPlans, EndWithoutTheReferencesRules) {
  run_all(options_of(Fidelity::vllm), false);
}

TEST(ParallelPlans, EndWithAllToAll) {
  RunOptions options = options_of(Fidelity::reference);
  options.expert_exchange = ExpertExchange::all_to_all;
  run_all(options, true);
}

}  // namespace
}  // namespace lockstep
