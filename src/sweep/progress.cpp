#include "sweep/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace lockstep {
namespace {

std::string eta_text(const ProgressState& state) {
  const std::int64_t left = state.total - state.before - state.done;
  if (state.done == 0 || state.seconds <= 0) {
    return left > 0 ? "--:--" : "0:00";
  }
  constexpr double kLongest = 359'999;  // 99:59:59
  const double rate = static_cast<double>(state.done) / state.seconds;
  const double seconds = std::min(std::ceil(static_cast<double>(left) / rate), kLongest);
  const auto whole = static_cast<std::int64_t>(seconds);
  return whole >= 3600 ? fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
                       : fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

std::string progress_line(const ProgressState& state) {
  constexpr std::int64_t kCells = 20;
  const std::int64_t done = state.before + state.done;
  const auto cells = static_cast<std::size_t>(state.total > 0 ? done * kCells / state.total : 0);
  const double rate = state.seconds > 0 ? static_cast<double>(state.done) / state.seconds : 0.0;
  const std::string failed = state.failed > 0 ? fmt::format(" ({} failed)", state.failed) : "";
  return fmt::format("[{}{}] {}/{}{}  {:.1f}/s  ETA {}", std::string(cells, '#'),
                     std::string(static_cast<std::size_t>(kCells) - cells, '.'), done, state.total,
                     failed, rate, eta_text(state));
}

SweepProgress::SweepProgress(std::FILE* stream, bool interactive, std::int64_t total,
                             std::int64_t before)
    : stream_(stream), interactive_(interactive), state_{total, before, 0, 0, 0} {
  constexpr std::int64_t kTenths = 10;
  tenth_ = total > 0 ? before * kTenths / total : 0;
}

ProgressState SweepProgress::state() {
  const std::lock_guard lock(mutex_);
  return state_;
}

void SweepProgress::add(bool failed) {
  constexpr auto kApart = std::chrono::milliseconds(100);
  constexpr std::int64_t kTenths = 10;
  const std::lock_guard lock(mutex_);
  ++state_.done;
  state_.failed += failed ? 1 : 0;
  const auto now = std::chrono::steady_clock::now();
  state_.seconds = std::chrono::duration<double>(now - start_).count();
  const std::int64_t tenth =
      (state_.before + state_.done) * kTenths / std::max<std::int64_t>(state_.total, 1);
  if (interactive_ ? now - shown_ > kApart : tenth > tenth_) {
    shown_ = now;
    tenth_ = tenth;
    show();
  }
}

void SweepProgress::show() {
  if (stream_ == nullptr) {
    return;
  }
  if (interactive_) {
    fmt::print(stream_, "\r\x1b[K{}", progress_line(state_));
  } else {
    fmt::print(stream_, "{}\n", progress_line(state_));
  }
  std::fflush(stream_);
}

void SweepProgress::finish() {
  const std::lock_guard lock(mutex_);
  if (interactive_ && stream_ != nullptr) {
    show();
    fmt::print(stream_, "\n");
  }
}

}  // namespace lockstep
