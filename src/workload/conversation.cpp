#include "workload/conversation.hpp"

#include <algorithm>
#include <numeric>

#include "base/error.hpp"

namespace lockstep {

ConversationBuilder::ConversationBuilder(const ConversationOptions& options)
    : options_(options), next_id_(options.shared_prefix % options.vocabulary) {}

void ConversationBuilder::append_fresh(TokenIds& ids, std::int64_t count) {
  if (!options_.with_token_ids) {
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<std::int32_t>(next_id_));
    next_id_ = next_id_ + 1 == options_.vocabulary ? 0 : next_id_ + 1;
  }
}

void ConversationBuilder::start(GeneratedSession& session, std::int64_t prompt_toks) {
  session_ = &session;
  session.calls.clear();
  prompt_toks_ = prompt_toks;
  prompt_.clear();
  const std::int64_t shared = std::min(options_.shared_prefix, prompt_toks);
  if (options_.with_token_ids) {
    for (std::int64_t i = 0; i < shared; ++i) {
      prompt_.push_back(static_cast<std::int32_t>(i % options_.vocabulary));
    }
  }
  append_fresh(prompt_, prompt_toks - shared);
}

WorkloadRequest& ConversationBuilder::add_call(std::int64_t output_toks) {
  ensure(session_ != nullptr, "a call outside any session");
  WorkloadRequest& call = session_->calls.emplace_back();
  call.input_toks = prompt_toks_;
  call.output_toks = output_toks;
  call.input_ids = prompt_;
  append_fresh(call.output_ids, output_toks);
  return call;
}

void ConversationBuilder::extend(bool keep_answer, std::int64_t fresh_toks) {
  ensure(session_ != nullptr && !session_->calls.empty(), "no call to continue");
  if (keep_answer) {
    const WorkloadRequest& last = session_->calls.back();
    prompt_.insert(prompt_.end(), last.output_ids.begin(), last.output_ids.end());
    prompt_toks_ += last.output_toks;
  }
  append_fresh(prompt_, fresh_toks);
  prompt_toks_ += fresh_toks;
}

}  // namespace lockstep
