#include "workload/chat_generator.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {
namespace {

ArrivalOptions seeded(ArrivalOptions arrivals, std::uint32_t seed) {
  arrivals.seed = seed;
  return arrivals;
}

}  // namespace

ChatGenerator::ChatGenerator(const ChatOptions& options)
    : options_(options),
      arrivals_(seeded(options.arrivals, options.seed)),
      lengths_(MersenneTwister::from_key(options.seed ^ 0x6c656e67U)),
      think_(MersenneTwister::from_key(options.seed ^ 0x7468696eU)),
      conversation_(options.conversation) {
  if (options.sessions < 1) {
    throw UserError(fmt::format("cannot make {} sessions", options.sessions),
                    Where{{}, 0, "--sessions"}, "ask for at least 1");
  }
  if (!(options.think_seconds >= 0.0 && options.think_seconds <= 1e6)) {
    throw UserError(fmt::format("the think time cannot be {} s", options.think_seconds),
                    Where{{}, 0, "--think-sec"}, "give a number of seconds from 0 to 1e6");
  }
}

bool ChatGenerator::next(GeneratedSession& session) {
  if (done_ == options_.sessions) {
    return false;
  }
  session.session_id = fmt::format("chat-{}", done_++);
  session.arrival = arrivals_.next();
  const std::int64_t turns = std::max<std::int64_t>(1, draw_length(options_.turns, lengths_));
  conversation_.start(session,
                      options_.conversation.shared_prefix + draw_length(options_.user, lengths_));
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    // Everything is drawn before it is decided whether the session goes on.
    const std::int64_t answer = draw_length(options_.output, lengths_);
    const std::int64_t message = draw_length(options_.user, lengths_);
    const double thinking = think_.exponential(options_.think_seconds * 1e9);
    if (turn > 0 && conversation_.prompt_toks() + answer > options_.longest) {
      break;
    }
    WorkloadRequest& call = conversation_.add_call(answer);
    call.tool_duration = Nanos{truncate(thinking)};
    conversation_.extend(true, message);
  }
  session.calls.back().tool_duration = Nanos{};
  return true;
}

}  // namespace lockstep
