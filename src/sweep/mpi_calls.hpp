// What a sweep over many machines asks of MPI, as a table of functions that a module beside the
// program fills in. The program itself does not link MPI: loading it takes longer than a small run,
// and a machine without it runs the same program.
#pragma once

#include <cstdint>

namespace lockstep {

/// Changes whenever MpiCalls does, so that a module of another build is refused.
inline constexpr std::int32_t kMpiCallsVersion = 1;

struct MpiCalls {
  std::int32_t version;
  void (*start)(int* rank, int* size);
  void (*finish)();
  void (*abort)(int exit_code);  ///< ends all ranks
  void (*send)(const void* bytes, int size, int to, int tag);
  void (*receive)(void* bytes, int size, int from, int tag);
  /// Bytes of a message with this tag that is there, and who sent it; -1: none yet.
  int (*probe)(int tag, int* from);
};

}  // namespace lockstep

/// The module's one symbol.
extern "C" const lockstep::MpiCalls* lockstep_mpi_calls();
