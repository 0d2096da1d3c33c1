#include "workload/mooncake_like.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "workload/prefix_ids.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kOpenConversations = 2048;  ///< some minutes' worth at the published rate
constexpr int kTries = 8;
constexpr std::int64_t kMostRequests = 40'000'000;  ///< ids stay below 2^31
constexpr double kMostSeconds = 1e9;

ArrivalOptions arrivals_of(const MooncakeLikeOptions& options) {
  if (options.num_requests < 1 || options.num_requests > kMostRequests) {
    throw UserError(fmt::format("cannot make {} requests", options.num_requests),
                    Where{{}, 0, "--num-reqs"}, "ask for 1 to 40 million");
  }
  if (!(options.duration_seconds > 0 && options.duration_seconds <= kMostSeconds)) {
    throw UserError(fmt::format("requests cannot come in {} s", options.duration_seconds),
                    Where{{}, 0, "--duration-sec"}, "give a number of seconds up to 1e9");
  }
  if (!(options.tick_seconds >= 0 && options.tick_seconds <= kMostSeconds)) {
    throw UserError(fmt::format("arrivals cannot lie {} s apart", options.tick_seconds),
                    Where{{}, 0, "--tick-sec"}, "give a number of seconds from 0 to 1e9");
  }
  ArrivalOptions arrivals;
  arrivals.rate = static_cast<double>(options.num_requests) / options.duration_seconds;
  arrivals.seed = options.seed;
  return arrivals;
}

}  // namespace

MooncakeLikeGenerator::MooncakeLikeGenerator(const MooncakeLikeOptions& options)
    : options_(options),
      arrivals_(arrivals_of(options)),
      lengths_(MersenneTwister::from_key(options.seed ^ 0x6c656e67U)),
      texts_(MersenneTwister::from_key(options.seed ^ 0x74657874U)) {
  constexpr std::int64_t kMost = 126'195;
  if (options.kind == MooncakeKind::conversation) {
    // Median 6,909 and mean 12,035 tokens make a logarithm of this spread.
    input_ = LogNormalLength{8.8406, 1.0535, 850, kMost};
    output_ = QuantileLength{{{0.0, 1}, {0.5, 350}, {0.9, 560}, {1.0, 940}}};
    goes_on_ = 0.62;
    add_system_prompt(1.0, 1);
  } else {
    input_ = LogNormalLength{8.7556, 0.779, 850, kMost};
    output_ = QuantileLength{{{0.0, 1}, {0.5, 30}, {0.8, 330}, {1.0, 865}}};
    goes_on_ = 0.68;
    add_system_prompt(0.463, 12);
    add_system_prompt(0.390, 1);
    add_system_prompt(0.146, 5);
    add_system_prompt(0.001, 1);
  }
}

void MooncakeLikeGenerator::add_system_prompt(double share, std::int32_t num_ids) {
  SystemPrompt& prompt = system_prompts_.emplace_back();
  prompt.share = share;
  while (std::ssize(prompt.ids) < num_ids) {
    prompt.ids.push_back(next_id_++);
  }
}

bool MooncakeLikeGenerator::next(WorkloadRequest& request) {
  if (done_ == options_.num_requests) {
    return false;
  }
  request.id = done_++;
  request.arrival = next_arrival();
  request.input_toks = draw_length(input_, lengths_);
  request.output_toks = draw_length(output_, lengths_);
  write_ids(request);
  return true;
}

Nanos MooncakeLikeGenerator::next_arrival() {
  const Nanos arrival = arrivals_.next();
  const auto tick = truncate(options_.tick_seconds * 1e9);
  return tick > 0 ? Nanos{arrival.count() / tick * tick} : arrival;
}

const TokenIds& MooncakeLikeGenerator::draw_system_prompt() {
  double left = texts_.uniform();
  std::size_t choice = 0;
  while (choice + 1 < system_prompts_.size() && left >= system_prompts_[choice].share) {
    left -= system_prompts_[choice++].share;
  }
  return system_prompts_[choice].ids;
}

MooncakeLikeGenerator::Conversation* MooncakeLikeGenerator::draw_conversation(std::int64_t toks) {
  Conversation* best = nullptr;
  for (int i = 0; i < kTries && !open_.empty(); ++i) {
    Conversation& other = open_[static_cast<std::size_t>(texts_.below(open_.size()))];
    if (other.toks < toks && (best == nullptr || other.toks > best->toks)) {
      best = &other;
    }
  }
  return best;
}

MooncakeLikeGenerator::Conversation& MooncakeLikeGenerator::open_conversation() {
  if (open_.size() < kOpenConversations) {
    return open_.emplace_back();
  }
  Conversation& place = open_[oldest_];
  oldest_ = (oldest_ + 1) % kOpenConversations;
  return place;
}

void MooncakeLikeGenerator::write_ids(WorkloadRequest& request) {
  const auto needed = static_cast<std::size_t>(prefix_ids_of(request.input_toks));
  const auto full = static_cast<std::ptrdiff_t>(request.input_toks / kPrefixIdTokens);
  const TokenIds& system = draw_system_prompt();
  const bool goes_on = texts_.uniform() < goes_on_;
  Conversation* conversation = goes_on ? draw_conversation(request.input_toks) : nullptr;
  TokenIds& ids = request.prefix_ids;
  ids = conversation != nullptr ? conversation->full_ids : system;
  ids.resize(std::min(ids.size(), needed));
  while (ids.size() < needed) {
    ids.push_back(next_id_++);
  }
  if (conversation == nullptr) {
    conversation = &open_conversation();
  }
  conversation->toks = request.input_toks + request.output_toks;
  conversation->full_ids.assign(ids.begin(), ids.begin() + full);
}

}  // namespace lockstep
