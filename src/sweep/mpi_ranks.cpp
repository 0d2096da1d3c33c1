#include "sweep/mpi_ranks.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"

#ifdef LOCKSTEP_MPI
#include <mpi.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sweep/described_run.hpp"
#endif

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

#ifndef LOCKSTEP_MPI

MpiRanks::MpiRanks() {
  throw UserError("several ranks were started, and this lockstep was built without MPI",
                  Where{{}, 0, "sweep"},
                  "build it with cmake -DLOCKSTEP_MPI=ON, or start one process a --share I/N");
}
MpiRanks::~MpiRanks() = default;
void MpiRanks::run(const WorkList&, std::span<const std::int64_t>, SharedInputs&,
                   const RunnerOptions&, const std::function<void(ResultRow)>&) {}
void MpiRanks::serve(const WorkList&, SharedInputs&) {}
void MpiRanks::abort() {
  std::abort();
}

#else

namespace {

constexpr int kResult = 1;  ///< to rank 0: a result, or nothing at first
constexpr int kConfig = 2;  ///< from rank 0: the next configuration
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
    const bool over = place >= configs_.size() || (stop_ != nullptr && stop_->load());
    return over ? kNoMore : configs_[place];
  }

private:
  std::span<const std::int64_t> configs_;
  const std::atomic<bool>* stop_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace

MpiRanks::MpiRanks() {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
}

MpiRanks::~MpiRanks() {
  MPI_Finalize();
}

void MpiRanks::abort() {
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::user_error));
  std::abort();
}

void MpiRanks::run(const WorkList& work, std::span<const std::int64_t> configs,
                   SharedInputs& inputs, const RunnerOptions& options,
                   const std::function<void(ResultRow)>& done) {
  Hand hand(configs, options.stop);
  std::jthread own([&] {
    for (std::int64_t config = hand.next(); config != kNoMore; config = hand.next()) {
      done(make_row(work, config, simulate_config(work, config, inputs)));
    }
  });
  int others = size_ - 1;
  while (others > 0) {
    int there = 0;
    MPI_Status status;
    MPI_Iprobe(MPI_ANY_SOURCE, kResult, MPI_COMM_WORLD, &there, &status);
    if (there == 0) {  // MPI_Probe would burn the core that this rank simulates on
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    int size = 0;
    MPI_Get_count(&status, MPI_BYTE, &size);
    std::vector<char> bytes(static_cast<std::size_t>(size));
    MPI_Recv(bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, kResult, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    if (size > 0) {
      auto [config, outcome] = unpacked(bytes);
      done(make_row(work, config, std::move(outcome)));
    }
    const std::int64_t next = hand.next();
    others -= next == kNoMore ? 1 : 0;
    MPI_Send(&next, 1, MPI_INT64_T, status.MPI_SOURCE, kConfig, MPI_COMM_WORLD);
  }
}

void MpiRanks::serve(const WorkList& work, SharedInputs& inputs) {
  std::vector<char> bytes;
  for (;;) {
    MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, 0, kResult, MPI_COMM_WORLD);
    std::int64_t config = kNoMore;
    MPI_Recv(&config, 1, MPI_INT64_T, 0, kConfig, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (config == kNoMore) {
      return;
    }
    bytes = packed(config, simulate_config(work, config, inputs));
  }
}

#endif

}  // namespace lockstep
