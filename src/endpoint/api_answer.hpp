// The JSON that clients of the OpenAI API get back. Besides the usual members the last object of an
// answer has "simulated": the stamps of the request in simulated nanoseconds.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/units.hpp"
#include "endpoint/api_error.hpp"
#include "endpoint/api_request.hpp"
#include "endpoint/server_metrics.hpp"

namespace lockstep {

struct Usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
  std::int64_t cached_tokens = 0;  ///< of the prompt, found in the prefix cache
};

/// Of a finished request: since the server's clock began, or since the arrival.
struct SimulatedStamps {
  std::int32_t instance = 0;
  Nanos arrival, queued, ttft, latency;
};

class ApiAnswer {
public:
  /// `number` makes the id; `created` is a Unix time in seconds.
  ApiAnswer(ApiKind kind, std::int64_t number, std::string_view model, std::int64_t created);

  [[nodiscard]] const std::string& id() const { return id_; }

  /// Server-sent events, each with its blank line. `head` opens a chat stream (else empty), `word`
  /// is one token, the last one carries reason and stamps.
  [[nodiscard]] std::string head() const;
  [[nodiscard]] std::string word(std::string_view text) const;
  [[nodiscard]] std::string last_word(std::string_view text, FinishReason reason,
                                      const SimulatedStamps& stamps) const;
  [[nodiscard]] std::string usage(const Usage& usage) const;
  [[nodiscard]] static std::string_view end() { return "data: [DONE]\n\n"; }

  /// The answer in one object.
  [[nodiscard]] std::string whole(std::string_view text, FinishReason reason, const Usage& usage,
                                  const SimulatedStamps& stamps) const;

private:
  [[nodiscard]] std::string chunk(std::string_view text, std::string_view reason,
                                  std::string_view more) const;

  ApiKind kind_;
  std::string id_;
  std::string model_;  ///< quoted
  std::int64_t created_;
  std::string chunk_begin_;
};

/// {"error": {...}} as vLLM words it.
[[nodiscard]] std::string error_json(const ApiError& error);
/// Of GET /v1/models.
[[nodiscard]] std::string models_json(std::string_view model, std::string_view root,
                                      std::int64_t max_model_len, std::int64_t created);

}  // namespace lockstep
