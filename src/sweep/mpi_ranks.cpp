#include "sweep/mpi_ranks.hpp"

#include <dlfcn.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/read_log.hpp"
#include "sweep/described_run.hpp"
#include "sweep/mpi_calls.hpp"

namespace lockstep {

int launched_ranks() {
  constexpr std::string_view kNames[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE",
                                         "SLURM_STEP_NUM_TASKS"};
  for (const std::string_view name : kNames) {
    const char* text = std::getenv(name.data());
    int ranks = 0;
    if (text != nullptr &&
        std::from_chars(text, text + std::string_view(text).size(), ranks).ec == std::errc{} &&
        ranks > 1) {
      return ranks;
    }
  }
  return 1;
}

namespace {

constexpr const char* kMpiModule = "lockstep-mpi.so";
constexpr int kResult = 1;  ///< to rank 0: a result, or nothing at first
constexpr int kConfig = 2;  ///< from rank 0: the next configuration
constexpr int kFiles = 3;   ///< to rank 0, at the end: what was read
constexpr std::int64_t kNoMore = -1;

/// A result as bytes: configuration, whether the failure was ours, error text or figures.
std::vector<char> packed(std::int64_t config, const Outcome& outcome) {
  const std::int64_t head[3] = {config, outcome.internal ? 1 : 0, std::ssize(outcome.error)};
  const std::size_t figures = outcome.figures.values.size() * sizeof(double);
  std::vector<char> bytes(sizeof head + outcome.error.size() + figures);
  std::memcpy(bytes.data(), head, sizeof head);
  std::memcpy(bytes.data() + sizeof head, outcome.error.data(), outcome.error.size());
  if (figures > 0) {
    std::memcpy(bytes.data() + sizeof head + outcome.error.size(), outcome.figures.values.data(),
                figures);
  }
  return bytes;
}

std::pair<std::int64_t, Outcome> unpacked(const std::vector<char>& bytes) {
  std::int64_t head[3] = {};
  ensure(bytes.size() >= sizeof head, "a rank sent half a result");
  std::memcpy(head, bytes.data(), sizeof head);
  Outcome outcome;
  const auto error = static_cast<std::size_t>(head[2]);
  ensure(bytes.size() >= sizeof head + error, "a rank sent half a result");
  outcome.error.assign(bytes.data() + sizeof head, error);
  outcome.internal = head[1] != 0;
  const std::size_t rest = bytes.size() - sizeof head - error;
  outcome.figures.values.resize(rest / sizeof(double));
  if (rest > 0) {
    std::memcpy(outcome.figures.values.data(), bytes.data() + sizeof head + error, rest);
  }
  return {head[0], std::move(outcome)};
}

Outcome simulate_config(const WorkList& work, std::int64_t config, SharedInputs& inputs) {
  const SweepSpec& spec = work.spec();
  return try_simulate(spec.base(), spec.settings(config), spec.promise(), inputs);
}

/// Hands out positions of a list, from two threads.
class Hand {
public:
  Hand(std::span<const std::int64_t> configs, const std::atomic<bool>* stop)
      : configs_(configs), stop_(stop) {}
  std::int64_t next() {
    const std::size_t place = next_.fetch_add(1);
    const bool over =
        place >= configs_.size() || ended_.load() || (stop_ != nullptr && stop_->load());
    return over ? kNoMore : configs_[place];
  }
  void end() { ended_.store(true); }

private:
  std::span<const std::int64_t> configs_;
  const std::atomic<bool>* stop_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> ended_{false};
};

/// The module lies beside the program, or in ../lib/lockstep of where it is installed; nowhere
/// else, so that nobody's search path decides what code runs.
const MpiCalls& load_calls() {
  namespace fs = std::filesystem;
  std::error_code failed;
  const fs::path folder = fs::read_symlink("/proc/self/exe", failed).parent_path();
  std::string reason;
  for (const fs::path& file :
       {folder / kMpiModule, folder.parent_path() / "lib/lockstep" / kMpiModule}) {
    if (!fs::exists(file, failed)) {
      continue;
    }
    // Global, since MPI's own plugins look for its symbols. Never closed: MPI ends with the
    // process.
    void* module = dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL);
    using Entry = const MpiCalls* (*)();
    const auto entry =
        module == nullptr ? nullptr : reinterpret_cast<Entry>(dlsym(module, "lockstep_mpi_calls"));
    if (entry != nullptr && entry()->version == kMpiCallsVersion) {
      return *entry();
    }
    const char* text = module == nullptr ? dlerror() : "it is of another build";
    reason = ": " + std::string(text == nullptr ? file.c_str() : text);
  }
  throw UserError("several ranks were started, and there is no " + std::string(kMpiModule) +
                      " beside the program that can be loaded" + reason,
                  Where{{}, 0, "sweep"},
                  "install libopenmpi-dev and build again, or start one process a --share I/N");
}

}  // namespace

MpiRanks::MpiRanks() : calls_(load_calls()) {
  calls_.start(&rank_, &size_);
}

MpiRanks::~MpiRanks() {
  calls_.finish();
}

void MpiRanks::abort() {
  calls_.abort(static_cast<int>(ExitCode::user_error));
  std::abort();
}

void MpiRanks::run(const WorkList& work, std::span<const std::int64_t> configs,
                   SharedInputs& inputs, const RunnerOptions& options,
                   const std::function<void(ResultRow)>& done) {
  Hand hand(configs, options.stop);
  std::exception_ptr failure;
  std::jthread own([&] {
    try {
      for (std::int64_t config = hand.next(); config != kNoMore; config = hand.next()) {
        done(make_row(work, config, simulate_config(work, config, inputs)));
      }
    } catch (...) {  // a store that cannot be written
      failure = std::current_exception();
      hand.end();
    }
  });
  int others = size_ - 1;
  while (others > 0) {
    int from = 0;
    const int size = calls_.probe(kResult, &from);
    if (size < 0) {  // a call that waits would burn the core that this rank simulates on
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    std::vector<char> bytes(static_cast<std::size_t>(size));
    calls_.receive(bytes.data(), size, from, kResult);
    if (size > 0) {
      auto [config, outcome] = unpacked(bytes);
      done(make_row(work, config, std::move(outcome)));
    }
    const std::int64_t next = hand.next();
    calls_.send(&next, sizeof next, from, kConfig);
    if (next == kNoMore) {
      --others;
      note_files(from);
    }
  }
  own.join();
  if (failure) {
    std::rethrow_exception(failure);
  }
}

void MpiRanks::send_files() {
  std::string lines;
  for (const ReadLog::File& file : ReadLog::heard_by_all()) {
    lines += file.role + '\t' + file.path.string() + '\n';
  }
  calls_.send(lines.data(), static_cast<int>(lines.size()), 0, kFiles);
}

void MpiRanks::note_files(int rank) {
  int from = -1;
  int size = -1;
  while (size < 0 || from != rank) {
    size = calls_.probe(kFiles, &from);
  }
  std::string lines(static_cast<std::size_t>(size), '\0');
  calls_.receive(lines.data(), size, rank, kFiles);
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const std::size_t tab = line.find('\t');
    ReadLog::note(line.substr(tab + 1), line.substr(0, tab));
  }
}

void MpiRanks::serve(const WorkList& work, SharedInputs& inputs) {
  std::vector<char> bytes;
  for (;;) {
    calls_.send(bytes.data(), static_cast<int>(bytes.size()), 0, kResult);
    std::int64_t config = kNoMore;
    calls_.receive(&config, sizeof config, 0, kConfig);
    if (config == kNoMore) {
      send_files();
      return;
    }
    bytes = packed(config, simulate_config(work, config, inputs));
  }
}

}  // namespace lockstep
