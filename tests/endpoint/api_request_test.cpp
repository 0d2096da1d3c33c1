// What clients send, and what they are told when it cannot be served.
#include "endpoint/api_request.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <nlohmann/json.hpp>

#include "endpoint/api_answer.hpp"
#include "endpoint/placeholder_tokens.hpp"

namespace lockstep::testing {
namespace {

ApiRequest completion(std::string_view body) {
  return ApiRequestReader().read(ApiKind::completion, body);
}
ApiRequest chat(std::string_view body) {
  return ApiRequestReader().read(ApiKind::chat, body);
}

TEST(ApiRequest, Completion) {
  const ApiRequest request = completion(
      R"({"model":"m","prompt":"abcdefghi","max_tokens":7,"temperature":0.5,"stop":["x"],)"
      R"("stream":true,"stream_options":{"include_usage":true},"ignore_eos":true,"n":1})");
  EXPECT_EQ(request.model, "m");
  EXPECT_EQ(request.prompt.size(), 3U);  // nine bytes
  EXPECT_EQ(request.max_tokens, 7);
  EXPECT_TRUE(request.stream && request.include_usage && request.ignore_eos);
}

TEST(ApiRequest, PromptsOfTokenIds) {
  const TokenIds ids{5, 0, 2147483647};
  EXPECT_EQ(completion(R"({"prompt":[5,0,2147483647]})").prompt, ids);
  EXPECT_EQ(completion(R"({"prompt":[[5,0,2147483647]]})").prompt, ids);
  EXPECT_EQ(completion(R"({"prompt":["abcd"]})").prompt, completion(R"({"prompt":"abcd"})").prompt);
}

TEST(ApiRequest, ChatCountsFourTokensAMessage) {
  const ApiRequest request = chat(
      R"({"messages":[{"role":"system","content":"12345678"},)"
      R"({"role":"user","content":[{"type":"text","text":"1234"},{"type":"text","text":"5"}]},)"
      R"({"role":"assistant","content":null}],"max_tokens":3,"max_completion_tokens":9})");
  EXPECT_EQ(request.prompt.size(), (3 + 2 + 1) + (3 + 2 + 1) + (3 + 0 + 1) + 3U);
  EXPECT_EQ(request.max_tokens, 9);
  EXPECT_FALSE(request.stream);
}

TEST(ApiRequest, TheNextTurnBeginsWithTheLastOneAndItsAnswer) {
  const TokenIds first = chat(R"({"messages":[{"role":"user","content":"How are you?"}]})").prompt;
  const PlaceholderAnswer answer(first);
  std::string text;
  for (int i = 0; i < 5; ++i) {
    text += answer.word(i);
  }
  TokenIds expected = first;
  const TokenIds words = answer.tokens(5);
  expected.insert(expected.end(), words.begin(), words.end());
  const TokenIds next = chat(R"({"messages":[{"role":"user","content":"How are you?"},)"
                             R"({"role":"assistant","content":")" +
                             text + R"("},{"role":"user","content":"And now?"}]})")
                            .prompt;
  ASSERT_GT(next.size(), expected.size());
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), next.begin()));
}

TEST(ApiRequest, Refusals) {
  struct Case {
    const char* body;
    const char* param;
  };
  const std::string deep = R"({"prompt":)" + std::string(100, '[') + std::string(100, ']') + "}";
  for (const auto& [body, param] : {Case{R"({"prompt":"a","max_tokens":0})", "max_tokens"},
                                    Case{R"({"prompt":"a","max_tokens":1.5})", "max_tokens"},
                                    Case{R"({"prompt":"a","max_tokens":1e99})", "max_tokens"},
                                    Case{R"({"prompt":"a","n":2})", "n"},
                                    Case{R"({"prompt":"a","best_of":2})", "best_of"},
                                    Case{R"({"prompt":"a","echo":true})", "echo"},
                                    Case{R"({"prompt":"a","stream":1})", "stream"},
                                    Case{R"({"prompt":"a","stream_options":{}})", "stream_options"},
                                    Case{R"({"prompt":["a","b"]})", "prompt"},
                                    Case{R"({"prompt":[1,-1]})", "prompt"},
                                    Case{R"({"prompt":[1,"a"]})", "prompt"},
                                    Case{R"({"prompt":7})", "prompt"},
                                    Case{R"({"prompt":""})", "prompt"},
                                    Case{R"({"prompt":[]})", "prompt"},
                                    Case{R"({})", "prompt"},
                                    Case{R"({"prompt":"a","model":3})", "model"},
                                    Case{R"([])", ""},
                                    Case{"", ""},
                                    Case{"{", ""},
                                    Case{deep.c_str(), ""}}) {
    try {
      static_cast<void>(completion(body));
      ADD_FAILURE() << body;
    } catch (const ApiError& error) {
      EXPECT_EQ(error.status(), 400) << body;
      EXPECT_EQ(error.param(), param) << body << ": " << error.what();
    }
  }
  for (const char* body :
       {R"({"messages":[]})", R"({"messages":"x"})", R"({"messages":[1]})",
        R"({"messages":[{"content":"x"}]})", R"({"messages":[{"role":"user","content":3}]})",
        R"({"messages":[{"role":"user","content":[{"type":"image_url"}]}]})"}) {
    EXPECT_THROW(static_cast<void>(chat(body)), ApiError) << body;
  }
}

TEST(ApiRequest, DepthIsThatOfTheReader) {
  ApiRequestReader reader(4);
  EXPECT_NO_THROW(static_cast<void>(reader.read(ApiKind::completion, R"({"prompt":[[1]]})")));
  EXPECT_THROW(static_cast<void>(reader.read(ApiKind::completion, R"({"prompt":[[[[1]]]]})")),
               ApiError);
}

RC_GTEST_PROP(ApiRequestProperty, AnyBytesAreReadOrRefused, (const std::string& body)) {
  for (const ApiKind kind : {ApiKind::completion, ApiKind::chat}) {
    try {
      RC_ASSERT(!ApiRequestReader().read(kind, body).prompt.empty());
    } catch (const ApiError&) {
    }
  }
}

RC_GTEST_PROP(ApiRequestProperty, TextIsAFourthOfItsBytes, (const std::string& text)) {
  TokenIds tokens;
  append_text(text, tokens);
  RC_ASSERT(tokens.size() == (text.size() + 3) / 4);
  RC_ASSERT(std::all_of(tokens.begin(), tokens.end(), [](std::int32_t id) { return id >= 0; }));
}

TEST(ApiAnswer, EveryObjectIsJson) {
  const SimulatedStamps stamps{1, Nanos{2}, Nanos{3}, Nanos{4}, Nanos{5}};
  for (const ApiKind kind : {ApiKind::completion, ApiKind::chat}) {
    const ApiAnswer answer(kind, 255, "a\"b\xff", 1700000000);
    for (const std::string& event :
         {answer.word("bak "), answer.last_word("bak ", FinishReason::stop, stamps),
          answer.usage({3, 4, 2})}) {
      ASSERT_TRUE(event.starts_with("data: ") && event.ends_with("\n\n"));
      const auto json = nlohmann::json::parse(event.substr(6));
      EXPECT_EQ(json.at("id").get<std::string>(), answer.id());
    }
    const auto whole =
        nlohmann::json::parse(answer.whole("bak ", FinishReason::length, {3, 4, 2}, stamps));
    EXPECT_EQ(whole["usage"]["total_tokens"], 7);
    EXPECT_EQ(whole["simulated"]["ttft_ns"], 4);
    EXPECT_EQ(whole["choices"][0]["finish_reason"], "length");
  }
  const auto error = nlohmann::json::parse(error_json(ApiError::not_found("no \"x\"", "model")));
  EXPECT_EQ(error["error"]["code"], 404);
  EXPECT_EQ(error["error"]["param"], "model");
}

}  // namespace
}  // namespace lockstep::testing
