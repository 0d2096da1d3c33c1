// Random clusters and workloads through every path of the program: the same bytes, or a message
// with the seed, and the smallest case that differs as files ready to run.
//
// usage: differential [--count N] [--seed S] [--keep DIR] [--write DIR]
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rapidcheck.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
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

/// How often each kind of case came and was not refused, so that a generator that makes only
/// refusals is seen.
class Tally {
public:
  void add(const Case& made, const std::string& outcome) {
    constexpr std::size_t kShown = 12;
    ++cases_;
    const bool refused = is_refusal(outcome);
    refused_ += refused ? 1 : 0;
    for (const std::string& kind : made.kinds) {
      served_[kind] += refused ? 0 : 1;
    }
    for (const auto& [kind, sign] : kSigns) {
      served_[kind] += refused || outcome.find(sign) != std::string::npos ? 0 : 1;
    }
    if (refused && refusals_.size() < kShown) {
      refusals_.insert(outcome.substr(0, outcome.find('\n')));
    }
  }
  void compared(const char* path) { ++compared_[path]; }

  [[nodiscard]] std::int64_t cases() const { return cases_; }
  /// Kinds that hardly came.
  [[nodiscard]] std::vector<std::string> rare() const {
    constexpr std::int64_t kOften = 400;  // one case in so many at least
    std::vector<std::string> rare;
    for (const auto& [kind, count] : served_) {
      if (count * kOften < cases_) {
        rare.push_back(kind);
      }
    }
    return rare;
  }
  void print() const {
    fmt::print("{} cases, {} refused; of the others\n", cases_, refused_);
    for (const auto& [kind, count] : served_) {
      fmt::print("{:8} {}\n", count, kind);
    }
    for (const auto& [path, count] : compared_) {
      fmt::print("{:8} compared: {}\n", count, path);
    }
    for (const std::string& refusal : refusals_) {
      fmt::print("  {}\n", refusal);
    }
  }

private:
  /// What a run's figures say where it was not so.
  static constexpr std::array<std::pair<const char*, const char*>, 4> kSigns{
      {{"preempting", " preemptions 0 "},
       {"computing again", " recompute 0 "},
       {"sharing prefixes", " npu-hits 0 "},
       {"prefixes from below", " lower-hits 0 "}}};

  std::int64_t cases_ = 0;
  std::int64_t refused_ = 0;
  std::map<std::string, std::int64_t> served_;
  std::map<std::string, std::int64_t> compared_;
  std::set<std::string> refusals_;  ///< a few, for the eye
};

/// Ends the program, with the case as files, where a run does not end.
class Watchdog {
public:
  explicit Watchdog(std::filesystem::path keep) : keep_(std::move(keep)) {}

  void begin(const Case& made) {
    const std::lock_guard lock(mutex_);
    made_ = made;
    begun_ = std::clock();
  }

private:
  static constexpr std::clock_t kLongest = 60;  // s of this process, which may be a patient one

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      woken_.wait_for(lock, stop, std::chrono::seconds(10), [] { return false; });
      if (begun_ && (std::clock() - *begun_) / CLOCKS_PER_SEC > kLongest) {
        write_case(made_, keep_);
        fmt::print("a run does not end; it lies in {}\n", keep_.string());
        std::fflush(stdout);
        std::_Exit(1);
      }
    }
  }

  std::filesystem::path keep_;
  Case made_;
  std::optional<std::clock_t> begun_;
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::jthread thread_{[this](const std::stop_token& stop) { watch(stop); }};
};

class Comparison {
public:
  explicit Comparison(const Settings& settings) : settings_(settings), watchdog_(settings.keep) {}

  void one_property() {
    if (!settings_.write.empty()) {
      write_one();
    } else if (once_in(20)) {
      compare_threads();
    } else {
      compare_paths();
    }
  }

  [[nodiscard]] const Tally& tally() const { return tally_; }
  /// Kinds that came too seldom for the comparison to say something about them.
  [[nodiscard]] std::vector<std::string> missing() const {
    constexpr std::int64_t kEnough = 800;  // fewer cases may miss a kind by chance
    return tally_.cases() < kEnough ? std::vector<std::string>{} : tally_.rare();
  }

private:
  static constexpr int kThreads = 4;

  Case drawn() {
    Case made = random_case();
    watchdog_.begin(made);
    return made;
  }
  /// As often in small cases as in large ones.
  static bool once_in(int number) {
    return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, number)) == number - 1;
  }

  /// One case by all paths, one after the other.
  void compare_paths() {
    const Case made = drawn();
    const std::string plain = outcome_of(made, Path::plain, bundles_);
    count(made, plain);
    require(made, "the fast path", plain, [&] { return outcome_of(made, Path::fast, bundles_); });
    require(made, "the quiet path", without_batches(plain),
            [&] { return without_batches(outcome_of(made, Path::quiet, bundles_)); });
    if (once_in(8)) {  // the slowest path
      require(made, "the exported run", plain,
              [&] { return outcome_of(made, Path::exported, bundles_); });
    }
    // Only the reference's rules may bring a cluster to a stop; or the router, which sends a
    // request where it is larger than the whole pool.
    if (made.flags[1] == "vllm" && plain.find("nothing can move") != std::string::npos &&
        plain.find("tokens of KV cache") == std::string::npos) {
      require(made, "a cluster that stands still", plain, [] { return std::string(); });
    }
  }

  /// Several cases at once, each on a thread of its own, beside the same one by one.
  void compare_threads() {
    std::vector<Case> cases;
    for (int k = 0; k < kThreads; ++k) {
      cases.push_back(drawn());
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
      count(cases[k], alone);
      require(cases[k], "the run beside others", alone, [&] { return beside; });
    }
  }

  void write_one() {
    const Case made = drawn();
    const std::string plain = outcome_of(made, Path::plain, bundles_);
    count(made, plain);
    if (!is_refusal(plain)) {
      write_case(made, settings_.write / std::to_string(tally_.cases()));
    }
  }

  template <typename Run>
  void require(const Case& made, const char* what, const std::string& expected, const Run& run) {
    tally_.compared(what);
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

  void count(const Case& made, const std::string& outcome) {
    constexpr std::int64_t kTold = 10'000;
    tally_.add(made, outcome);
    if (tally_.cases() % kTold == 0) {
      fmt::print("{} cases\n", tally_.cases());
      std::fflush(stdout);
    }
  }

  const Settings& settings_;
  Watchdog watchdog_;
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
  comparison.tally().print();
  fmt::print("{:.1f} s\n", seconds.count());
  const std::vector<std::string> missing = comparison.missing();
  if (!missing.empty()) {
    fmt::print("hardly any case of: {}\n", fmt::join(missing, ", "));
  }
  if (!same) {
    fmt::print("the smallest case lies in {}: bash {}/run.sh build/release/lockstep\n",
               settings.keep.string(), settings.keep.string());
  }
  return same && missing.empty() ? 0 : 1;
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
