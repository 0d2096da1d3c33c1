#include "workload/swe_like.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/json_field.hpp"
#include "workload/variates.hpp"

namespace lockstep {
namespace {

constexpr Nanos kFirstArrival{4'059'740};
constexpr double kMeanCalls = 15.3;
constexpr std::int64_t kLeastCalls = 6;
constexpr std::int64_t kMostCalls = 20;
constexpr std::int64_t kTurnTemplate = 27;  ///< tokens that frame a tool's result
constexpr std::int64_t kErrorText = 123;    ///< tokens
constexpr std::int64_t kLongestPrompt = 30'000;

std::int64_t log_normal(MersenneTwister& stream, double mu, double sigma, std::int64_t least,
                        std::int64_t most) {
  const std::int64_t drawn = round_half_even(std::exp(mu + sigma * standard_normal(stream)));
  return std::clamp(drawn, least, most);
}

}  // namespace

SweLikeGenerator::SweLikeGenerator(const SweLikeOptions& options)
    : options_(options),
      stream_(MersenneTwister::from_seed(options.seed)),
      conversation_({1024, 151'643, options.with_token_ids}) {
  if (options.sessions < 1 || options.sessions > std::int64_t{100'000'000}) {
    throw UserError(fmt::format("cannot make {} sessions", options.sessions),
                    Where{{}, 0, "--sessions"}, "ask for 1 to 100000000");
  }
  if (!(options.rate > 0.0) || !std::isfinite(options.rate)) {
    throw UserError(fmt::format("the session rate must be positive, not {}", options.rate),
                    Where{{}, 0, "--sps"}, "give a number of sessions per second above 0");
  }
  Nanos arrival = kFirstArrival;
  double bound = 0.0;  // about the same, and cannot overflow
  for (std::int64_t s = 0; s < options.sessions; ++s) {
    if (s > 0) {
      const double gap = stream_.exponential(1e9 / options.rate);
      bound += gap;
      if (!(bound < static_cast<double>(kLargestNumber))) {
        throw UserError("the arrivals pass 2^62 ns (146 years)", Where{{}, 0, "--sps"},
                        "raise the rate or ask for fewer sessions");
      }
      arrival += Nanos{truncate(gap)};
    }
    arrivals_.push_back(arrival);
    const std::int64_t drawn = round_half_even(kMeanCalls + 4.2 * standard_normal(stream_));
    calls_.push_back(std::clamp(drawn, kLeastCalls, kMostCalls));
  }
  drawn_calls_ = std::accumulate(calls_.begin(), calls_.end(), std::int64_t{0});
  even_out_calls();
}

void SweLikeGenerator::even_out_calls() {
  std::int64_t missing =
      round_half_even(kMeanCalls * static_cast<double>(options_.sessions)) - drawn_calls_;
  const std::int64_t step = missing > 0 ? 1 : -1;
  for (std::size_t s = 0; missing != 0; s = (s + 1) % calls_.size()) {
    const std::int64_t changed = calls_[s] + step;
    if (changed >= kLeastCalls && changed <= kMostCalls) {
      calls_[s] = changed;
      missing -= step;
    }
  }
}

bool SweLikeGenerator::next(GeneratedSession& session) {
  if (next_session_ == calls_.size()) {
    return false;
  }
  session.session_id = fmt::format("task-{}-run0", next_session_);
  session.arrival = arrivals_[next_session_];
  conversation_.start(session, 1300 + truncate(stream_.uniform() * 400.0));
  const std::int64_t calls = calls_[next_session_++];
  for (std::int64_t k = 0; k < calls; ++k) {
    WorkloadRequest& call = conversation_.add_call(log_normal(stream_, 4.95, 0.86, 40, 900));
    if (k + 1 < calls) {
      continue_conversation(call);
    }
  }
  return true;
}

void SweLikeGenerator::continue_conversation(WorkloadRequest& call) {
  if (stream_.uniform() < 0.2) {  // failed to parse: no tool ran
    conversation_.extend(false, kErrorText);
    return;
  }
  std::int64_t tool_text = 0;
  if (stream_.uniform() >= 0.55) {
    tool_text = log_normal(stream_, 6.25, 0.75, 100, 3000);
  }
  if (call.input_toks + call.output_toks + kTurnTemplate + tool_text > kLongestPrompt) {
    tool_text = 0;
  }
  const double milliseconds = std::clamp(115.0 + 18.0 * standard_normal(stream_), 50.0, 300.0);
  call.tool_duration = Nanos{truncate(1e6 * milliseconds)};
  conversation_.extend(true, kTurnTemplate + tool_text);
}

}  // namespace lockstep
