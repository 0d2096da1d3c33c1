// A workload read one request at a time is the workload read as a whole.
#include "workload/streamed_workload.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/error.hpp"
#include "workload/workload_recipe.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

class TextFile {
public:
  explicit TextFile(const std::string& text)
      : path_(fs::temp_directory_path() / ("streamed_" + std::to_string(::getpid()) + ".jsonl")) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TextFile() { fs::remove(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

std::string line(std::int64_t input, std::int64_t output, std::int64_t arrival) {
  return "{\"input_toks\": " + std::to_string(input) +
         ", \"output_toks\": " + std::to_string(output) +
         ", \"arrival_time_ns\": " + std::to_string(arrival) + "}\n";
}

std::vector<WorkloadRequest> all_of(const StreamedWorkload& workload) {
  std::vector<WorkloadRequest> all;
  const auto source = workload.open();
  for (WorkloadRequest request; source->next(request);) {
    all.push_back(request);
  }
  return all;
}

void expect_same(const std::vector<WorkloadRequest>& got, std::vector<WorkloadRequest> want) {
  std::ranges::stable_sort(want, {}, &WorkloadRequest::arrival);
  RC_ASSERT(got.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    RC_ASSERT(got[i].id == want[i].id && got[i].arrival == want[i].arrival);
    RC_ASSERT(got[i].input_toks == want[i].input_toks && got[i].output_toks == want[i].output_toks);
    RC_ASSERT(got[i].input_ids == want[i].input_ids && got[i].output_ids == want[i].output_ids);
  }
}

RC_GTEST_PROP(StreamedWorkload, IsTheFileInOrderOfArrival, ()) {
  const auto count = *rc::gen::inRange<std::int64_t>(1, 60);
  const auto lines_read = *rc::gen::element<std::int64_t>(0, 1, 20, 1000);
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) {
    text += line(*rc::gen::inRange(1, 9), *rc::gen::inRange(0, 9), *rc::gen::inRange(0, 20));
  }
  const TextFile file(text);
  const WorkloadReadOptions options{lines_read, true};
  const Workload whole = read_workload(file.path(), options);
  const auto streamed = stream_workload(file.path(), options);
  RC_ASSERT(streamed.has_value());
  expect_same(all_of(*streamed), whole.requests);
  RC_ASSERT(streamed->survey.requests == std::ssize(whole.requests));
  RC_ASSERT(streamed->survey.longest_input ==
            std::ranges::max(whole.requests, {}, &WorkloadRequest::input_toks).input_toks);
  RC_ASSERT(streamed->survey.first_arrival ==
            std::ranges::min(whole.requests, {}, &WorkloadRequest::arrival).arrival);
}

RC_GTEST_PROP(StreamedWorkload, IsWhatTheGeneratorMakes, ()) {
  WorkloadRecipe recipe;
  recipe.generator.num_requests = *rc::gen::inRange(1, 200);
  recipe.generator.with_token_ids = *rc::gen::element(false, true);
  recipe.generator.input = FixedLength{*rc::gen::inRange(1, 20)};
  recipe.generator.seed = *rc::gen::inRange<std::uint32_t>(0, 100);
  recipe.rate_scale = *rc::gen::element(1.0, 0.3, 7.0);
  expect_same(all_of(stream_generator(recipe.generator, recipe.rate_scale)),
              make_workload(recipe).requests);
}

TEST(StreamedWorkload, TooFarOutOfOrderIsNotStreamed) {
  std::string text;
  for (std::size_t i = 0; i < kReorderedRequests; ++i) {
    text += line(1, 1, 5);
  }
  EXPECT_TRUE(
      stream_workload(TextFile(text.substr(line(1, 1, 5).size()) + line(1, 1, 4)).path(), {}));
  EXPECT_FALSE(stream_workload(TextFile(text + line(1, 1, 4)).path(), {}));
}

TEST(StreamedWorkload, SessionsArePartOfNoStream) {
  const std::string session =
      R"({"session_id": "a", "arrival_time_ns": 0, "sub_requests": [{"input_toks": 1, "output_toks": 1}]})";
  EXPECT_TRUE(stream_workload(TextFile(line(1, 1, 0)).path(), {}));
  EXPECT_FALSE(stream_workload(TextFile(line(1, 1, 0) + session + "\n").path(), {}));
}

TEST(StreamedWorkload, MistakesAreThoseOfTheWholeFile) {
  for (const std::string& text : {std::string(), line(1, 1, 0) + "\n" + line(1, 1, 0),
                                  line(1, 1, 0) + "{\n", line(-1, 1, 0)}) {
    const TextFile file(text);
    const auto message = [&](const auto& read) {
      try {
        read();
      } catch (const UserError& error) {
        return std::string(error.what());
      }
      return std::string("nothing");
    };
    EXPECT_EQ(message([&] { static_cast<void>(stream_workload(file.path(), {})); }),
              message([&] { static_cast<void>(read_workload(file.path(), {})); }));
  }
}

}  // namespace
}  // namespace lockstep
