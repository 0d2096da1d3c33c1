// Random clusters and workloads through every path of the program: the same bytes, or a message
// with the seed, and the smallest case that differs as files ready to run.
//
// usage: differential [--count N] [--seed S] [--keep DIR] [--write DIR]
#include <fmt/format.h>
#include <rapidcheck.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "paths.hpp"

namespace lockstep::testing {
namespace {

struct Settings {
  std::int64_t count = 1000;
  std::uint64_t seed = std::random_device{}();
  std::filesystem::path keep = "differential-case";
  std::filesystem::path write;  ///< cases as files, for comparisons from outside; nothing compared
};

/// How often each kind of case came, so that a generator that makes only refusals is seen.
struct Tally {
  std::int64_t cases = 0;
  std::int64_t refused = 0;
  std::int64_t preempting = 0;
  std::set<std::string> refusals;  ///< a few, for the eye
};

class Comparison {
public:
  explicit Comparison(const Settings& settings) : settings_(settings) {}

  void one_property() {
    if (!settings_.write.empty()) {
      write_one();
    } else if (*rc::gen::inRange(0, 12) == 11) {
      compare_threads();
    } else {
      compare_paths();
    }
  }

  [[nodiscard]] const Tally& tally() const { return tally_; }

private:
  static constexpr int kThreads = 4;

  /// One case by all paths, one after the other.
  void compare_paths() {
    const Case made = random_case();
    const std::string plain = outcome_of(made, Path::plain, bundles_);
    count(plain);
    require(made, "the fast path", plain, [&] { return outcome_of(made, Path::fast, bundles_); });
    require(made, "the quiet path", without_batches(plain),
            [&] { return without_batches(outcome_of(made, Path::quiet, bundles_)); });
    if (*rc::gen::inRange(0, 4) == 0) {  // the slowest path
      require(made, "the exported run", plain,
              [&] { return outcome_of(made, Path::exported, bundles_); });
    }
    // Only the reference's rules may bring a cluster to a stop.
    if (made.flags[1] == "vllm" && plain.find("nothing can move") != std::string::npos) {
      require(made, "a cluster that stands still", plain, [] { return std::string(); });
    }
  }

  /// Several cases at once, each on a thread of its own, beside the same one by one.
  void compare_threads() {
    std::vector<Case> cases;
    for (int k = 0; k < kThreads; ++k) {
      cases.push_back(random_case());
    }
    const auto shared = std::make_shared<KernelTimeStore>();
    std::vector<std::future<std::string>> together;
    for (const Case& made : cases) {
      together.push_back(
          std::async(std::launch::async, [&] { return outcome_of(made, Path::fast, shared); }));
    }
    for (std::size_t k = 0; k < cases.size(); ++k) {
      const std::string beside = together[k].get();
      const std::string alone = outcome_of(cases[k], Path::fast, bundles_);
      count(alone);
      require(cases[k], "the run beside others", alone, [&] { return beside; });
    }
  }

  void write_one() {
    const Case made = random_case();
    const std::string plain = outcome_of(made, Path::plain, bundles_);
    count(plain);
    if (!is_refusal(plain)) {
      write_case(made, settings_.write / std::to_string(tally_.cases));
    }
  }

  template <typename Run>
  void require(const Case& made, const char* what, const std::string& expected, const Run& run) {
    std::string got;
    try {
      got = run();
    } catch (const std::logic_error& error) {
      got = error.what();
    }
    if (got == expected) {
      return;
    }
    write_case(made, settings_.keep);  // the last one that is written is the smallest
    std::ofstream(settings_.keep / "expected") << expected;
    std::ofstream(settings_.keep / "got") << got;
    RC_FAIL(fmt::format("{} gives other bytes", what));
  }

  void count(const std::string& outcome) {
    constexpr std::size_t kShown = 12;
    constexpr std::int64_t kTold = 10'000;
    if (++tally_.cases % kTold == 0) {
      fmt::print("{} cases\n", tally_.cases);
      std::fflush(stdout);
      std::fflush(stdout);
    }
    tally_.preempting += outcome.find(" preemptions 0 ") == std::string::npos ? 1 : 0;
    if (is_refusal(outcome)) {
      ++tally_.refused;
      --tally_.preempting;
      if (tally_.refusals.size() < kShown) {
        tally_.refusals.insert(outcome.substr(0, outcome.find('\n')));
      }
    }
  }

  const Settings& settings_;
  std::shared_ptr<KernelTimeStore> bundles_ = std::make_shared<KernelTimeStore>();
  Tally tally_;
};

int compare(const Settings& settings) {
  fmt::print("seed {}\n", settings.seed);
  std::fflush(stdout);
  const auto begin = std::chrono::steady_clock::now();
  Comparison comparison(settings);
  const std::string params = fmt::format("seed={} max_success={}", settings.seed, settings.count);
  setenv("RC_PARAMS", params.c_str(), 1);
  const bool same =
      rc::check("every path gives the same bytes", [&] { comparison.one_property(); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const Tally& tally = comparison.tally();
  fmt::print("{} cases in {:.1f} s, {} of them refused, {} with preemptions\n", tally.cases,
             seconds.count(), tally.refused, tally.preempting);
  for (const std::string& refusal : tally.refusals) {
    fmt::print("  {}\n", refusal);
  }
  if (!same) {
    fmt::print("the smallest case lies in {}: bash {}/run.sh build/release/lockstep\n",
               settings.keep.string(), settings.keep.string());
  }
  return same ? 0 : 1;
}

}  // namespace
}  // namespace lockstep::testing

int main(int argc, char** argv) {
  lockstep::testing::Settings settings;
  CLI::App app("Random cases through every path: the same bytes.");
  app.add_option("--count", settings.count, "cases");
  app.add_option("--seed", settings.seed, "of the cases (default: any, printed)");
  app.add_option("--keep", settings.keep, "folder of a case that differs");
  app.add_option("--write", settings.write, "folder for the cases; nothing is compared");
  CLI11_PARSE(app, argc, argv);
  return lockstep::testing::compare(settings);
}
