#include "report/progress_bar.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "report/painter.hpp"

namespace lockstep {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{1000};
constexpr milliseconds kPeriod{100};
constexpr std::int64_t kBatchesBetweenLooks = 16;  // looking at the clock costs, too

std::string duration(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds + 0.5);
  if (whole >= 3600) {
    return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
  }
  return whole >= 60 ? fmt::format("{} min {:02} s", whole / 60, whole % 60)
                     : fmt::format("{} s", whole);
}

std::string repeated(std::string_view piece, std::int64_t times) {
  std::string text;
  for (std::int64_t i = 0; i < times; ++i) {
    text += piece;
  }
  return text;
}

}  // namespace

std::string progress_line(const Progress& progress, const Terminal& terminal) {
  const double share =
      progress.total > 0 ? static_cast<double>(progress.done) / static_cast<double>(progress.total)
                         : 0.0;
  std::string tail = fmt::format(" {}/{} requests  {:.1f} s simulated", progress.done,
                                 progress.total, progress.simulated_s);
  if (progress.done > 0 && progress.done < progress.total) {
    tail += fmt::format("  about {} left", duration(progress.elapsed_s * (1.0 - share) / share));
  }
  const std::string head = fmt::format("{:3.0f}% ", 100.0 * share);
  const std::int64_t room =
      std::clamp<std::int64_t>(terminal.width - columns_of(head) - columns_of(tail) - 1, 0, 30);
  const auto filled = static_cast<std::int64_t>(share * static_cast<double>(room));
  const Painter painter(terminal);
  std::string line =
      head + painter.paint(style::kNumber, repeated("━", filled)) + repeated("─", room - filled);
  if (columns_of(head) + room + columns_of(tail) < terminal.width) {
    line += tail;
  }
  return line;
}

ProgressBar::ProgressBar(std::FILE* stream, const Terminal& terminal, std::int64_t total)
    : stream_(stream), terminal_(terminal), begin_(Clock::now()), next_(begin_ + kPatience) {
  progress_.total = total;
}

void ProgressBar::on_request_done(const Request& /*request*/) {
  ++progress_.done;
}

void ProgressBar::on_batch_done(std::int32_t /*instance*/, std::int64_t /*batch*/, Nanos now) {
  if (!terminal_.interactive || ++batches_ % kBatchesBetweenLooks != 0) {
    return;
  }
  const auto time = Clock::now();
  if (time < next_) {
    return;
  }
  next_ = time + kPeriod;
  progress_.simulated_s = static_cast<double>(now.count()) / 1e9;
  progress_.elapsed_s = std::chrono::duration<double>(time - begin_).count();
  fmt::print(stream_, "\r\x1b[K{}", progress_line(progress_, terminal_));
  std::fflush(stream_);
  shown_ = true;
}

void ProgressBar::on_log(const LogRecord& /*record*/) {
  clear();
}
void ProgressBar::on_heartbeat(const Heartbeat& /*heartbeat*/) {
  clear();
}
void ProgressBar::on_step(const StepEvent& /*step*/) {
  clear();
}

void ProgressBar::clear() {
  if (shown_) {
    std::fputs("\r\x1b[K", stream_);
    std::fflush(stream_);
    shown_ = false;
  }
}

}  // namespace lockstep
