// Builds the calls of one session after another, each call's prompt extending the one before. Token
// ids are running integers: every text (task, answer, tool result) takes the next ones of a counter
// that all sessions share, so that two prompts agree exactly as far as their texts are the same.
#pragma once

#include <cstdint>

#include "workload/generated_session.hpp"

namespace lockstep {

struct ConversationOptions {
  std::int64_t shared_prefix = 1024;  ///< ids 0..n-1 open every session: the system prompt
  std::int64_t vocabulary = 151643;   ///< ids are taken modulo this; 1..2^31
  bool with_token_ids = true;
};

class ConversationBuilder {
public:
  explicit ConversationBuilder(const ConversationOptions& options);

  /// Begins a session whose first prompt has `prompt_toks` tokens.
  void start(GeneratedSession& session, std::int64_t prompt_toks);
  /// Appends the call that answers the present prompt.
  WorkloadRequest& add_call(std::int64_t output_toks);
  /// Extends the prompt by the last answer, if it is kept, and by `fresh_toks` of new text.
  void extend(bool keep_answer, std::int64_t fresh_toks);

  [[nodiscard]] std::int64_t prompt_toks() const { return prompt_toks_; }

private:
  void append_fresh(TokenIds& ids, std::int64_t count);

  ConversationOptions options_;
  std::int64_t next_id_;
  GeneratedSession* session_ = nullptr;
  std::int64_t prompt_toks_ = 0;
  TokenIds prompt_;
};

}  // namespace lockstep
