#include "validation/recorded_run.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "recorded_fixture.hpp"
#include "validation/simulated_request.hpp"

namespace lockstep {
namespace {

using testing::RecordedFolder;

/// The error that reading the folder ends with.
UserError error_of(const RecordedFolder& folder) {
  try {
    static_cast<void>(read_recorded_run(folder.run()));
  } catch (const UserError& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return UserError("", {}, "");
}

TEST(RecordedRun, SettingsAndStampsAreRead) {
  const RecordedFolder folder;
  const RecordedRun run = read_recorded_run(folder.run());
  EXPECT_EQ(run.model, "acme/tiny");
  EXPECT_EQ(run.max_num_seqs, 64);
  EXPECT_EQ(run.max_num_batched_tokens, 512);
  EXPECT_EQ(run.block_size, 32);
  EXPECT_EQ(run.num_gpu_blocks, 100);
  EXPECT_EQ(run.dtype, DataType::bfloat16);
  ASSERT_EQ(run.requests.size(), 3U);
  EXPECT_TRUE(run.requests[0].complete());
  EXPECT_EQ(run.requests[0].anchor(), 1000.001);
  EXPECT_FALSE(run.requests[2].complete());
}

TEST(RecordedRun, TheAnchorIsTheArrivalOnlyInTheTokensClock) {
  RecordedRequest request;
  EXPECT_EQ(request.anchor(), std::nullopt);
  request.arrival = 10.0;
  EXPECT_EQ(request.anchor(), 10.0);
  request.queued = 10.5;
  request.first_token = 11.0;
  request.last_token = 12.0;
  EXPECT_EQ(request.anchor(), 10.0);
  request.arrival = 10.0 + kSameClockSeconds * 3;
  EXPECT_EQ(request.anchor(), 10.5);
  request.queued = 10.0 + kSameClockSeconds * 9;  // fits nothing either
  EXPECT_EQ(request.anchor(), request.arrival);
}

TEST(RecordedRun, MistakesAreNamedByFileAndLine) {
  const RecordedFolder folder;
  const auto file = folder.write("runs/gpu/vllm/requests.jsonl",
                                 "{\"input_toks\": 1}\n{\"first_token_ts\": \"soon\"}\n");
  const UserError stamp = error_of(folder);
  EXPECT_EQ(stamp.where(), (Where{file.string(), 2, "first_token_ts"}));
  folder.write("runs/gpu/vllm/requests.jsonl", "{\"input_toks\": 1}\n\n{\"input_t");
  EXPECT_EQ(error_of(folder).where().line, 3);
  folder.write("runs/gpu/vllm/requests.jsonl", "[1]\n");
  EXPECT_EQ(error_of(folder).where().line, 1);
  folder.write("runs/gpu/vllm/requests.jsonl", "\n");
  EXPECT_EQ(error_of(folder).problem(), "no request was recorded");
  folder.write("runs/gpu/vllm/meta.json", "{\n\"engine_kwargs\": {\"dtype\": \"fp3\"}}");
  EXPECT_EQ(error_of(folder).where().line, 2);
}

TEST(RecordedRun, TheWorkloadIsFoundAboveTheRun) {
  const RecordedFolder folder;
  const RecordedRun run = read_recorded_run(folder.run());
  EXPECT_THROW(static_cast<void>(find_dataset(run)), UserError);
  const auto file = folder.write("workloads/tiny.jsonl", "");
  EXPECT_EQ(find_dataset(run), file);
}

TEST(SimulatedRequest, FractionsOfANanosecondAreRefused) {
  const RecordedFolder folder;
  EXPECT_EQ(read_request_csv(folder.sim()).size(), 2U);
  std::string text(testing::kSimCsv);
  text.replace(text.find("210000000,0,"), 9, "2100000.5");
  EXPECT_THROW(static_cast<void>(read_request_csv(folder.write("bad.csv", text))), UserError);
}

}  // namespace
}  // namespace lockstep
