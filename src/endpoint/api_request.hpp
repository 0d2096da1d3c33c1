// The body of POST /v1/completions and /v1/chat/completions: what of it changes the timing.
//
// Sampling parameters (temperature, top_p, stop, seed, ...) are accepted and mean nothing here.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "endpoint/api_error.hpp"
#include "workload/workload.hpp"

namespace lockstep {

enum class ApiKind : std::uint8_t { completion, chat };

struct ApiRequest {
  ApiKind kind = ApiKind::completion;
  std::string model;  ///< empty: not given
  TokenIds prompt;    ///< ids as given, or of the text (placeholder_tokens.hpp)
  std::optional<std::int64_t> max_tokens;
  std::int64_t min_tokens = 0;
  bool ignore_eos = false;
  bool stream = false;
  bool include_usage = false;
};

/// Keeps the parser's buffers between calls. One per thread.
class ApiRequestReader {
public:
  /// Arrays and objects may lie `max_depth` deep in each other.
  explicit ApiRequestReader(std::size_t max_depth = 32);
  ~ApiRequestReader();
  ApiRequestReader(const ApiRequestReader&) = delete;
  ApiRequestReader& operator=(const ApiRequestReader&) = delete;

  /// Throws ApiError for what is no JSON, of the wrong type, or asks for what is not simulated.
  [[nodiscard]] ApiRequest read(ApiKind kind, std::string_view body);

private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace lockstep
