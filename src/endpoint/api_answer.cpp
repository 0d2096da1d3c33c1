#include "endpoint/api_answer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

std::string quoted(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string usage_json(const Usage& usage) {
  return fmt::format(R"({{"prompt_tokens":{},"total_tokens":{},"completion_tokens":{},)"
                     R"("prompt_tokens_details":{{"cached_tokens":{}}}}})",
                     usage.prompt_tokens, usage.prompt_tokens + usage.completion_tokens,
                     usage.completion_tokens, usage.cached_tokens);
}

std::string stamps_json(const SimulatedStamps& stamps) {
  return fmt::format(
      R"({{"instance":{},"arrival_ns":{},"queued_ns":{},"ttft_ns":{},"latency_ns":{}}})",
      stamps.instance, stamps.arrival.count(), stamps.queued.count(), stamps.ttft.count(),
      stamps.latency.count());
}

}  // namespace

ApiAnswer::ApiAnswer(ApiKind kind, std::int64_t number, std::string_view model,
                     std::int64_t created)
    : kind_(kind),
      id_(fmt::format("{}-{:016x}", kind == ApiKind::chat ? "chatcmpl" : "cmpl", number)),
      model_(quoted(model)),
      created_(created),
      chunk_begin_(fmt::format(
          R"(data: {{"id":"{}","object":"{}","created":{},"model":{},"choices":[)", id_,
          kind == ApiKind::chat ? "chat.completion.chunk" : "text_completion", created, model_)) {}

std::string ApiAnswer::chunk(std::string_view text, std::string_view reason,
                             std::string_view more) const {
  const bool chat = kind_ == ApiKind::chat;
  return fmt::format("{}{{\"index\":0,{}{}{},\"logprobs\":null,\"finish_reason\":{}}}]{}}}\n\n",
                     chunk_begin_, chat ? "\"delta\":{\"content\":" : "\"text\":", quoted(text),
                     chat ? "}" : "", reason, more);
}

std::string ApiAnswer::head() const {
  if (kind_ != ApiKind::chat) {
    return {};
  }
  return chunk_begin_ +
         "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"logprobs\":null,"
         "\"finish_reason\":null}]}\n\n";
}

std::string ApiAnswer::word(std::string_view text) const {
  return chunk(text, "null", "");
}

std::string ApiAnswer::last_word(std::string_view text, FinishReason reason,
                                 const SimulatedStamps& stamps) const {
  return chunk(text, quoted(to_string(reason)),
               fmt::format(",\"simulated\":{}", stamps_json(stamps)));
}

std::string ApiAnswer::usage(const Usage& usage) const {
  return fmt::format("{}],\"usage\":{}}}\n\n", chunk_begin_, usage_json(usage));
}

std::string ApiAnswer::whole(std::string_view text, FinishReason reason, const Usage& usage,
                             const SimulatedStamps& stamps) const {
  const bool chat = kind_ == ApiKind::chat;
  const std::string content =
      chat ? fmt::format(R"("message":{{"role":"assistant","content":{}}})", quoted(text))
           : fmt::format(R"("text":{})", quoted(text));
  return fmt::format(
      R"({{"id":"{}","object":"{}","created":{},"model":{},"choices":[{{"index":0,{},)"
      R"("logprobs":null,"finish_reason":"{}"}}],"usage":{},"simulated":{}}})",
      id_, chat ? "chat.completion" : "text_completion", created_, model_, content,
      to_string(reason), usage_json(usage), stamps_json(stamps));
}

std::string error_json(const ApiError& error) {
  const Json param = error.param().empty() ? Json() : Json(error.param());
  const Json json{{"error",
                   {{"message", error.what()},
                    {"type", error.type()},
                    {"param", param},
                    {"code", error.status()}}}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string models_json(std::string_view model, std::string_view root, std::int64_t max_model_len,
                        std::int64_t created) {
  return fmt::format(R"({{"object":"list","data":[{{"id":{},"object":"model","created":{},)"
                     R"("owned_by":"lockstep","root":{},"parent":null,"max_model_len":{}}}]}})",
                     quoted(model), created, quoted(root), max_model_len);
}

}  // namespace lockstep
