#include "validation/bench_import.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "recorded_fixture.hpp"
#include "validation/recorded_run.hpp"
#include "validation/step_segments.hpp"

namespace lockstep {
namespace {

using testing::RecordedFolder;

constexpr std::string_view kVllm = R"({
  "model_id": "acme/tiny", "request_rate": 2.0, "request_throughput": 1.5,
  "input_lens": [20, 10, 30], "output_lens": [3, 2, 0],
  "ttfts": [0.2, 0.1, 0.0], "itls": [[0.05, 0.06], [0.04], []],
  "start_times": [101.5, 100.0, 102.0],
  "errors": ["", "", "Internal Server Error"]
})";

constexpr std::string_view kGuide = R"({"metadata": {}, "benchmarks": [{"requests": {
  "successful": [
    {"request_id": "a", "prompt_tokens": 12, "output_tokens": 4,
     "info": {"timings": {"request_start": 50.0, "first_token_iteration": 50.25,
                          "last_token_iteration": 51.0}}},
    {"request_id": "b", "prompt_tokens": 14, "output_tokens": 1, "start_time": 49.0,
     "first_token_time": 49.5, "last_token_time": 49.5}],
  "errored": [{}], "incomplete": [{}, {}]}}]})";

constexpr std::string_view kLog =
    R"({"model": "acme/tiny", "status": 200, "start_time": 7.5, "first_token_time": 7.75, "last_token_time": 9.0, "usage": {"prompt_tokens": 5, "completion_tokens": 6}}

{"status": 503, "start_time": 8.0}
{"status": 200, "start_time": 8.5, "first_token_time": 8.75, "last_token_time": 9.5, "usage": {"prompt_tokens": 7, "completion_tokens": 2}}
)";

ClientRun imported(const std::filesystem::path& file) {
  BenchImport what;
  what.files = {file};
  return read_client_run(what);
}

UserError refusal(const BenchImport& what) {
  try {
    (void)read_client_run(what);
  } catch (const UserError& error) {
    return error;
  }
  ADD_FAILURE() << "nothing was refused";
  return {"", {}, ""};
}

UserError refusal(std::string_view text) {
  const RecordedFolder folder;
  BenchImport what;
  what.files = {folder.write("in.json", text)};
  return refusal(what);
}

TEST(BenchImport, ReadsParallelListsInOrderOfStart) {
  const RecordedFolder folder;
  const ClientRun run = imported(folder.write("in.json", kVllm));
  EXPECT_EQ(run.format, "vllm-bench");
  EXPECT_EQ(run.model, "acme/tiny");
  EXPECT_EQ(run.left_out, 1);
  ASSERT_EQ(run.requests.size(), 2U);
  EXPECT_EQ(run.requests[0].input, 10);
  EXPECT_DOUBLE_EQ(run.requests[1].first, 101.7);
  EXPECT_DOUBLE_EQ(run.requests[1].last, 101.7 + 0.11);
}

TEST(BenchImport, ReadsListsOfRequestsOfBothForms) {
  const RecordedFolder folder;
  const ClientRun run = imported(folder.write("in.json", kGuide));
  EXPECT_EQ(run.format, "guidellm");
  EXPECT_EQ(run.left_out, 3);
  ASSERT_EQ(run.requests.size(), 2U);
  EXPECT_EQ(run.requests[0].input, 14);
  EXPECT_DOUBLE_EQ(run.requests[1].last, 51.0);
}

TEST(BenchImport, ReadsLogsWithOtherFieldsAndUnits) {
  const RecordedFolder folder;
  EXPECT_EQ(imported(folder.write("in.jsonl", kLog)).left_out, 1);
  BenchImport what;
  what.files = {
      folder.write("other.jsonl", R"({"t0": 1000, "t": {"a": 1500, "b": 2500}, "p": 3, "c": 4})")};
  what.log.unit = 1e-3;
  *what.log.find("start") = "t0";
  *what.log.find("first") = "t.a";
  *what.log.find("last") = "t.b";
  *what.log.find("input") = "p";
  *what.log.find("output") = "c";
  EXPECT_EQ(what.log.find("nothing"), nullptr);
  const ClientRun run = read_client_run(what);
  ASSERT_EQ(run.requests.size(), 1U);
  EXPECT_DOUBLE_EQ(run.requests[0].first, 1.5);
  EXPECT_EQ(run.requests[0].output, 4);
}

TEST(BenchImport, ValidateReadsWhatItWrites) {
  const RecordedFolder folder;
  const ClientRun run = imported(folder.write("in.jsonl", kLog));
  RecordedRunFiles files;
  files.dir = folder.run() / "imported";
  files.cluster_config = folder.write("cluster.json", "{}");
  files.max_num_seqs = 32;
  write_recorded_run(run, files);
  const RecordedRun back = read_recorded_run(files.dir);
  EXPECT_EQ(back.model, "acme/tiny");
  EXPECT_EQ(back.max_num_seqs, 32);
  EXPECT_TRUE(back.client_stamps);
  EXPECT_TRUE(find_step_segments(back).segments.empty());
  ASSERT_EQ(back.requests.size(), 2U);
  EXPECT_TRUE(back.requests[0].complete());
  EXPECT_EQ(back.requests[0].anchor(), 7.5);
  EXPECT_EQ(testing::file_text(back.cluster_config()), "{}");
  EXPECT_EQ(testing::file_text(find_dataset(back)),
            "{\"input_toks\": 5, \"output_toks\": 6, \"arrival_time_ns\": 0}\n"
            "{\"input_toks\": 7, \"output_toks\": 2, \"arrival_time_ns\": 1000000000}\n");
}

TEST(BenchImport, RefusalsNameTheirPlace) {
  EXPECT_NE(
      refusal(R"({"request_throughput": 1, "input_lens": [1]})").problem().find("output_lens"),
      std::string::npos);
  std::string text(kVllm);
  text.replace(text.find("[0.05, 0.06]"), 12, "[0.05, \"x\"]");
  EXPECT_EQ(refusal(text).where().path, "itls[0][1]");
  text = kVllm;
  text.replace(text.find("[0.2, 0.1, 0.0]"), 15, "[0.2, 0.1]");
  EXPECT_NE(refusal(text).problem().find("requests here"), std::string::npos);
  text = kVllm;
  text.replace(text.find("start_times"), 11, "other_times");
  EXPECT_NE(refusal(text).problem().find("when requests were sent"), std::string::npos);
  text = kGuide;
  text.replace(text.find("50.25"), 5, "49.25");
  EXPECT_EQ(refusal(text).where().path, "benchmarks[0].requests.successful[0]");
  EXPECT_NE(refusal("not JSON").problem(), "");
  EXPECT_NE(refusal("").problem(), "");
  EXPECT_NE(refusal("[]").problem(), "");
  const UserError late = refusal(std::string(kLog) + "{\"start_time\": \n");
  EXPECT_EQ(late.where().line, 5);
}

TEST(BenchImport, AllAtOnceNeedsNoStartTimes) {
  const RecordedFolder folder;
  std::string text(kVllm);
  text.replace(text.find("start_times"), 11, "other_times");
  text.replace(text.find("\"request_rate\": 2.0"), 19, "\"request_rate\": \"inf\"");
  const ClientRun run = imported(folder.write("in.json", text));
  EXPECT_EQ(run.notes.size(), 1U);
  EXPECT_EQ(run.requests[1].start, 0.0);
}

TEST(BenchImport, OneOfSeveralBenchmarksMustBeChosen) {
  const RecordedFolder folder;
  BenchImport what;
  what.files = {folder.write("in.json", R"({"benchmarks": [{}, {}]})")};
  EXPECT_EQ(refusal(what).where().path, "benchmarks");
  what.benchmark = 2;
  EXPECT_EQ(refusal(what).where().path, "benchmarks");
  what.benchmark = 1;
  EXPECT_EQ(refusal(what).where().path, "benchmarks[1]");
}

}  // namespace
}  // namespace lockstep
