#include "endpoint/api_request.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <limits>

#include "endpoint/placeholder_tokens.hpp"

namespace lockstep {

struct ApiRequestReader::Parser {
  explicit Parser(std::size_t depth) : max_depth(depth) {}
  simdjson::dom::parser parser;
  std::size_t max_depth;
};

namespace {

namespace dom = simdjson::dom;
using simdjson::error_code;

/// Of an object; nothing when it is not there or null.
std::optional<dom::element> member(const dom::object& object, std::string_view key) {
  dom::element value;
  if (object.at_key(key).get(value) != simdjson::SUCCESS || value.is_null()) {
    return std::nullopt;
  }
  return value;
}

[[noreturn]] void refuse(std::string_view key, std::string_view expected) {
  throw ApiError::bad_request(fmt::format("{} must be {}", key, expected), std::string(key));
}

std::optional<std::int64_t> integer(const dom::object& object, std::string_view key,
                                    std::int64_t least) {
  const auto value = member(object, key);
  if (!value) {
    return std::nullopt;
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::int64_t number = 0;
  if (value->get(number) != simdjson::SUCCESS || number < least || number > kMost) {
    refuse(key, fmt::format("an integer from {} to {}", least, kMost));
  }
  return number;
}

bool boolean(const dom::object& object, std::string_view key) {
  const auto value = member(object, key);
  bool answer = false;
  if (value && value->get(answer) != simdjson::SUCCESS) {
    refuse(key, "true or false");
  }
  return answer;
}

std::string_view text_of(const dom::element& value, std::string_view key) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    refuse(key, "a string");
  }
  return text;
}

constexpr std::string_view kPromptKinds =
    "a string or an array of token ids; several prompts in one request are not simulated: send one "
    "request each";

void append_ids(const dom::array& ids, TokenIds& tokens) {
  for (const dom::element id : ids) {
    std::int64_t number = 0;
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (id.get(number) != simdjson::SUCCESS || number < 0 || number > kMost) {
      refuse("prompt", kPromptKinds);
    }
    tokens.push_back(static_cast<std::int32_t>(number));
  }
}

/// "text", [1, 2], ["text"] or [[1, 2]].
void read_prompt(const dom::element& prompt, TokenIds& tokens) {
  if (prompt.is_string()) {
    append_text(text_of(prompt, "prompt"), tokens);
    return;
  }
  dom::array list;
  if (prompt.get(list) != simdjson::SUCCESS) {
    refuse("prompt", kPromptKinds);
  }
  if (list.size() == 1 && !list.at(0).is_int64()) {
    const dom::element only = list.at(0).value();
    dom::array ids;
    if (only.is_string()) {
      append_text(text_of(only, "prompt"), tokens);
    } else if (only.get(ids) == simdjson::SUCCESS) {
      append_ids(ids, tokens);
    } else {
      refuse("prompt", kPromptKinds);
    }
    return;
  }
  append_ids(list, tokens);
}

/// A string, or an array of parts of type text.
void append_content(const dom::element& content, TokenIds& tokens) {
  if (content.is_string()) {
    append_text(text_of(content, "messages.content"), tokens);
    return;
  }
  dom::array parts;
  if (content.get(parts) != simdjson::SUCCESS) {
    refuse("messages.content", "a string or an array of parts");
  }
  std::string text;
  for (const dom::element part : parts) {
    std::string_view piece;
    if (part["text"].get(piece) != simdjson::SUCCESS) {
      refuse("messages.content", "made of text parts; images and sound are not simulated");
    }
    text += piece;
  }
  append_text(text, tokens);
}

void append_message(const dom::element& message, TokenIds& tokens) {
  dom::object object;
  if (message.get(object) != simdjson::SUCCESS) {
    refuse("messages", "an array of objects with role and content");
  }
  const auto role = member(object, "role");
  if (!role) {
    refuse("messages.role", "a string");
  }
  append_message_head(text_of(*role, "messages.role"), tokens);
  if (const auto content = member(object, "content")) {
    append_content(*content, tokens);
  }
  if (const auto calls = member(object, "tool_calls")) {
    append_text(simdjson::minify(*calls), tokens);
  }
  append_message_end(tokens);
}

void read_messages(const dom::object& body, TokenIds& tokens) {
  const auto messages = member(body, "messages");
  dom::array list;
  if (!messages || messages->get(list) != simdjson::SUCCESS || list.size() == 0) {
    refuse("messages", "an array with at least one message");
  }
  if (const auto tools = member(body, "tools")) {
    append_message_head("tools", tokens);
    append_text(simdjson::minify(*tools), tokens);
    append_message_end(tokens);
  }
  for (const dom::element message : list) {
    append_message(message, tokens);
  }
  append_message_head("assistant", tokens);
}

void refuse_what_is_not_simulated(const dom::object& body) {
  for (const char* key : {"n", "best_of"}) {
    if (integer(body, key, 1).value_or(1) != 1) {
      refuse(key, "1: one answer a request is simulated");
    }
  }
  if (boolean(body, "echo")) {
    refuse("echo", "false: prompts are not sent back");
  }
}

void read_stream(const dom::object& body, ApiRequest& request) {
  request.stream = boolean(body, "stream");
  const auto options = member(body, "stream_options");
  if (!options) {
    return;
  }
  dom::object object;
  if (!request.stream || options->get(object) != simdjson::SUCCESS) {
    refuse("stream_options", "an object beside \"stream\": true");
  }
  request.include_usage = boolean(object, "include_usage");
}

}  // namespace

ApiRequestReader::ApiRequestReader(std::size_t max_depth)
    : parser_(std::make_unique<Parser>(max_depth)) {}
ApiRequestReader::~ApiRequestReader() = default;

ApiRequest ApiRequestReader::read(ApiKind kind, std::string_view body) {
  dom::parser& parser = parser_->parser;
  // The depth is fixed when the parser gets its memory.
  if (parser.capacity() < body.size() || parser.max_depth() != parser_->max_depth) {
    constexpr std::size_t kLeast = 1U << 16U;
    if (parser.allocate(std::max(kLeast, body.size()), parser_->max_depth) != simdjson::SUCCESS) {
      throw ApiError(500, "InternalServerError", "no memory for the request");
    }
  }
  dom::element root;
  if (const error_code error = parser.parse(body.data(), body.size()).get(root)) {
    const bool deep = error == simdjson::DEPTH_ERROR;
    throw ApiError::bad_request(
        deep ? fmt::format("the JSON is more than {} levels deep", parser_->max_depth)
             : fmt::format("the body is no JSON: {}", simdjson::error_message(error)));
  }
  dom::object object;
  if (root.get(object) != simdjson::SUCCESS) {
    throw ApiError::bad_request("the body must be a JSON object");
  }
  ApiRequest request;
  request.kind = kind;
  if (const auto model = member(object, "model")) {
    request.model = text_of(*model, "model");
  }
  refuse_what_is_not_simulated(object);
  request.max_tokens = integer(object, "max_tokens", 1);
  if (kind == ApiKind::chat) {
    if (const auto newer = integer(object, "max_completion_tokens", 1)) {
      request.max_tokens = newer;
    }
    read_messages(object, request.prompt);
  } else {
    const auto prompt = member(object, "prompt");
    if (!prompt) {
      refuse("prompt", kPromptKinds);
    }
    read_prompt(*prompt, request.prompt);
  }
  request.min_tokens = integer(object, "min_tokens", 0).value_or(0);
  request.ignore_eos = boolean(object, "ignore_eos");
  read_stream(object, request);
  if (request.prompt.empty()) {
    throw ApiError::bad_request("the prompt is empty", "prompt");
  }
  return request;
}

}  // namespace lockstep
