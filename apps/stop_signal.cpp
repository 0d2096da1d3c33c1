#include "stop_signal.hpp"

#include <csignal>

namespace lockstep {
namespace {

constexpr int kSignalBase = 128;

// A signal handler reaches nothing else.
std::atomic<bool> stop_asked{false};
std::atomic<int> stop_number{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

extern "C" void ask_to_stop(int number) {
  stop_number = number;
  stop_asked = true;
  std::signal(number, SIG_DFL);
}

}  // namespace

const std::atomic<bool>& heed_stop_signals() {
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  return stop_asked;
}

int stop_exit_code() {
  const int number = stop_number;
  return number == 0 ? 0 : kSignalBase + number;
}

}  // namespace lockstep
