// MPI behind the table of sweep/mpi_calls.hpp: a module of its own, loaded where ranks were
// started.
#include <mpi.h>

#include "sweep/mpi_calls.hpp"

namespace {

void start(int* rank, int* size) {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, size);
}

void finish() {
  MPI_Finalize();
}

void end_all(int exit_code) {
  MPI_Abort(MPI_COMM_WORLD, exit_code);
}

void send(const void* bytes, int size, int to, int tag) {
  MPI_Send(bytes, size, MPI_BYTE, to, tag, MPI_COMM_WORLD);
}

void receive(void* bytes, int size, int from, int tag) {
  MPI_Recv(bytes, size, MPI_BYTE, from, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

int probe(int tag, int* from) {
  int there = 0;
  MPI_Status status;
  MPI_Iprobe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &there, &status);
  if (there == 0) {
    return -1;
  }
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  *from = status.MPI_SOURCE;
  return size;
}

constexpr lockstep::MpiCalls kCalls{
    lockstep::kMpiCallsVersion, start, finish, end_all, send, receive, probe};

}  // namespace

extern "C" __attribute__((visibility("default"))) const lockstep::MpiCalls* lockstep_mpi_calls() {
  return &kCalls;
}
