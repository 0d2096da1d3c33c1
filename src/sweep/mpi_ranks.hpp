// A sweep on many machines under MPI: rank 0 hands out configurations, stores all results and
// simulates as well; every other rank asks for the next configuration when it has sent a result.
// All ranks read the same spec. If a rank dies, MPI ends the others; the next start goes on where
// the store is.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "sweep/mpi_calls.hpp"
#include "sweep/sweep_runner.hpp"

namespace lockstep {

/// Ranks that the launcher (mpirun, srun) started, by its environment; 1: none, or a single one.
[[nodiscard]] int launched_ranks();

/// MPI between construction and destruction; one in a process.
class MpiRanks {
public:
  /// Throws UserError without a module for MPI beside the program (sweep/mpi_calls.hpp).
  MpiRanks();
  ~MpiRanks();
  MpiRanks(const MpiRanks&) = delete;
  MpiRanks& operator=(const MpiRanks&) = delete;

  [[nodiscard]] int rank() const { return rank_; }
  [[nodiscard]] int size() const { return size_; }

  /// Rank 0, while the others serve(): as run_configs(), on all ranks, one configuration each at a
  /// time. `done` is called by two threads.
  void run(const WorkList& work, std::span<const std::int64_t> configs, SharedInputs& inputs,
           const RunnerOptions& options, const std::function<void(ResultRow)>& done);
  /// The other ranks: simulates what rank 0 says until that is all.
  void serve(const WorkList& work, SharedInputs& inputs);
  /// Ends all ranks at once, after a failure.
  [[noreturn]] void abort();

private:
  void send_files();
  void note_files(int rank);

  const MpiCalls& calls_;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace lockstep
