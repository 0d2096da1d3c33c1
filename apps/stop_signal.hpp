// SIGINT and SIGTERM ask a command to come to its end; a second signal ends it at once.
#pragma once

#include <atomic>

namespace lockstep {

/// From now on the signals set the flag that this returns, instead of ending the process.
[[nodiscard]] const std::atomic<bool>& heed_stop_signals();

/// Of a command that was stopped, as shells count: 128 and the signal's number. 0: none came.
[[nodiscard]] int stop_exit_code();

}  // namespace lockstep
