#include "workload/flat_generator.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/numeric.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kRemembered = 64;  ///< a conversation goes on soon or never
constexpr std::int64_t kLargestVocabulary = std::int64_t{1} << 31;

ArrivalOptions flat_seeded(ArrivalOptions arrivals, std::uint32_t seed) {
  arrivals.seed = seed;
  return arrivals;
}

}  // namespace

FlatGenerator::FlatGenerator(const FlatOptions& options)
    : options_(options),
      arrivals_(flat_seeded(options.arrivals, options.seed)),
      lengths_(MersenneTwister::from_key(options.seed ^ 0x6c656e67U)),
      ids_(MersenneTwister::from_key(options.seed)),
      reuse_(MersenneTwister::from_key(options.seed ^ 0x72657573U)) {
  if (options.num_requests < 1) {
    throw UserError(fmt::format("cannot make {} requests", options.num_requests),
                    Where{{}, 0, "--num-reqs"}, "ask for at least 1");
  }
  if (options.vocabulary < 1 || options.vocabulary > kLargestVocabulary) {
    throw UserError(fmt::format("no vocabulary has {} tokens", options.vocabulary),
                    Where{{}, 0, "--vocab"}, "give a number from 1 to 2^31");
  }
  if (!(options.reuse >= 0.0 && options.reuse <= 1.0)) {
    throw UserError(fmt::format("the share of reusing requests cannot be {}", options.reuse),
                    Where{{}, 0, "--reuse"}, "give a number from 0 to 1");
  }
}

bool FlatGenerator::next(WorkloadRequest& request) {
  if (done_ == options_.num_requests) {
    return false;
  }
  request.id = done_++;
  request.arrival = arrivals_.next();
  request.input_toks = draw_length(options_.input, lengths_);
  request.output_toks = draw_length(options_.output, lengths_);
  request.input_ids.clear();
  request.output_ids.clear();
  if (options_.with_token_ids) {
    draw_ids(request);
  }
  return true;
}

void FlatGenerator::draw_ids(WorkloadRequest& request) {
  if (options_.reuse > 0.0) {
    reuse_earlier(request.input_ids, request.input_toks);
  }
  append_random(request.input_ids, request.input_toks);
  append_random(request.output_ids, request.output_toks);
  if (options_.reuse > 0.0) {
    TokenIds& text = recent_.emplace_back(request.input_ids);
    text.insert(text.end(), request.output_ids.begin(), request.output_ids.end());
    if (recent_.size() > kRemembered) {
      recent_.pop_front();
    }
  }
}

/// Three draws whether or not they are used: one request's luck does not shift the others'.
void FlatGenerator::reuse_earlier(TokenIds& prompt, std::int64_t prompt_toks) {
  const bool reuses = reuse_.uniform() < options_.reuse;
  const double whom = reuse_.uniform();
  const double how_much = reuse_.uniform();
  if (!reuses || recent_.empty()) {
    return;
  }
  const auto index = static_cast<std::size_t>(whom * static_cast<double>(recent_.size()));
  const TokenIds& earlier = recent_[index];
  const auto shared = std::min(static_cast<std::int64_t>(earlier.size()),
                               truncate(how_much * static_cast<double>(prompt_toks)));
  prompt.assign(earlier.begin(), earlier.begin() + shared);
}

void FlatGenerator::append_random(TokenIds& ids, std::int64_t length) {
  ids.reserve(static_cast<std::size_t>(length));
  while (static_cast<std::int64_t>(ids.size()) < length) {
    ids.push_back(
        static_cast<std::int32_t>(ids_.below(static_cast<std::uint64_t>(options_.vocabulary))));
  }
}

}  // namespace lockstep
