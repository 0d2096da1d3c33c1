// How far a sweep is, on the standard error: a line that renews itself on a terminal, else a line
// at every tenth.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>

namespace lockstep {

/// "[#####.....] 120/240 (2 failed)  14.2/s  ETA 0:08". `done` counts from the start of this
/// process, `before` were there already.
struct ProgressState {
  std::int64_t total = 0;
  std::int64_t before = 0;
  std::int64_t done = 0;
  std::int64_t failed = 0;
  double seconds = 0;  ///< since the start
};
[[nodiscard]] std::string progress_line(const ProgressState& state);

class SweepProgress {
public:
  /// Says nothing when `stream` is null.
  SweepProgress(std::FILE* stream, bool interactive, std::int64_t total, std::int64_t before);
  /// One more is done. Safe from any thread.
  void add(bool failed);
  /// Leaves the last state standing.
  void finish();
  [[nodiscard]] ProgressState state();

private:
  void show();

  std::mutex mutex_;
  std::FILE* stream_;
  bool interactive_;
  ProgressState state_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_{};
  std::int64_t tenth_ = 0;
};

}  // namespace lockstep
