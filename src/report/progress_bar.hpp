// One line at the bottom of a terminal while a run goes: share of requests done, simulated time,
// time to go. It appears after a second, so that short runs stay as they are, and is gone at the
// end. Its clock is the wall's; nothing of it reaches a file.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "engine/run_result.hpp"
#include "report/terminal.hpp"

namespace lockstep {

struct Progress {
  std::int64_t done = 0, total = 0;  ///< requests
  double simulated_s = 0;
  double elapsed_s = 0;  ///< wall
};

/// "  42% ━━━━━━────── 1,024/2,400 requests  31.5 s simulated  about 12 s left", at most `width`
/// columns.
[[nodiscard]] std::string progress_line(const Progress& progress, const Terminal& terminal);

class ProgressBar final : public RunObserver {
public:
  /// `total` requests; draws only where `terminal` is interactive.
  ProgressBar(std::FILE* stream, const Terminal& terminal, std::int64_t total);
  ~ProgressBar() override { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  void on_request_done(const Request& request) override;
  [[nodiscard]] LogSeverity min_severity() const override { return LogSeverity::error; }
  /// What others print goes where the line was.
  void on_log(const LogRecord& record) override;
  void on_heartbeat(const Heartbeat& heartbeat) override;
  void on_step(const StepEvent& step) override;
  void clear();

private:
  using Clock = std::chrono::steady_clock;

  std::FILE* stream_;
  Terminal terminal_;
  Progress progress_;
  Clock::time_point begin_;
  Clock::time_point next_;
  std::int64_t batches_ = 0;
  bool shown_ = false;
};

}  // namespace lockstep
