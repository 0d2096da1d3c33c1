#include "workload/workload_writer.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "temporary_folder.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using testing::file_text;
using testing::TemporaryFolder;

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

WorkloadRequest small_request() {
  WorkloadRequest request;
  request.input_toks = 3;
  request.output_toks = 2;
  request.arrival = Nanos{-5};
  request.tool_duration = Nanos{9};
  return request;
}

TEST(WorkloadWriter, WritesKeysInOrderWithTheUsualSeparators) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "w.jsonl";
  WorkloadRequest request = small_request();
  WorkloadWriter writer(file);
  writer.write_request(request);
  request.input_ids = {1, -2};
  request.output_ids = {7};
  writer.write_request(request);
  writer.write_session("é\"\\\n", Nanos{4}, std::vector{request, small_request()});
  writer.finish();
  EXPECT_EQ(
      file_text(file),
      "{\"input_toks\": 3, \"output_toks\": 2, \"arrival_time_ns\": -5}\n"
      "{\"input_toks\": 3, \"output_toks\": 2, \"arrival_time_ns\": -5, \"input_tok_ids\": [1, "
      "-2], "
      "\"output_tok_ids\": [7]}\n"
      "{\"session_id\": \"é\\\"\\\\\\u000a\", \"arrival_time_ns\": 4, \"sub_requests\": "
      "[{\"input_toks\": 3, \"output_toks\": 2, \"tool_duration_ns\": 9, \"input_tok_ids\": [1, "
      "-2], "
      "\"output_tok_ids\": [7]}, {\"input_toks\": 3, \"output_toks\": 2, \"tool_duration_ns\": "
      "9}]}\n");
}

TEST(WorkloadWriter, PrioritiesAndAdaptersComeBack) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "w.jsonl";
  Workload workload;
  workload.requests = {small_request(), small_request(), small_request()};
  workload.requests[1].priority = -2;
  workload.requests[2].priority = 5;
  workload.requests[2].session = 0;
  workload.requests[0].lora = 1;
  workload.requests[2].lora = 0;
  workload.loras = {"a \"b\"", "c"};
  workload.sessions = {{"s", 2, 1}};
  write_workload(workload, file);
  const Workload again = read_workload(file, {});
  for (std::size_t i = 0; i < workload.requests.size(); ++i) {
    EXPECT_EQ(again.requests[i].priority, workload.requests[i].priority);
  }
  EXPECT_EQ(again.loras, (std::vector<std::string>{"c", "a \"b\""}));
  EXPECT_EQ(again.requests[0].lora, 0);
  EXPECT_EQ(again.requests[1].lora, -1);
  EXPECT_EQ(again.requests[2].lora, 1);
}

TEST(WorkloadWriter, MakesFoldersAndLeavesNothingElseBehind) {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "a" / "b" / "w.jsonl";
  WorkloadWriter writer(file);
  writer.write_request(small_request());
  EXPECT_FALSE(fs::exists(file)) << "not before it is whole";
  writer.finish();
  EXPECT_TRUE(fs::exists(file));
  EXPECT_EQ(entries(file.parent_path()), 1U);
}

TEST(WorkloadWriter, KeepsTheOldFileWhenNotFinished) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("w.jsonl", "old");
  {
    WorkloadWriter writer(file);
    writer.write_request(small_request());
  }
  EXPECT_EQ(file_text(file), "old");
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(WorkloadWriter, ReplacesWhatALinkMeans) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("w.jsonl", "old");
  fs::create_symlink(file, folder.path() / "link");
  WorkloadWriter writer(folder.path() / "link");
  writer.write_request(small_request());
  writer.finish();
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_NE(file_text(file), "old");
}

TEST(WorkloadWriter, WritesToDevicesDirectlyEvenThroughALink) {
  const TemporaryFolder folder;
  fs::create_symlink("/dev/null", folder.path() / "link");
  WorkloadWriter writer(folder.path() / "link");
  writer.write_request(small_request());
  writer.finish();
  EXPECT_TRUE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(WorkloadWriter, RefusesPlacesThatCannotBeWritten) {
  const TemporaryFolder folder;
  folder.write("file", "");
  EXPECT_THROW(WorkloadWriter(folder.path()), UserError);
  EXPECT_THROW(WorkloadWriter(folder.path() / "file" / "w.jsonl"), UserError);
  EXPECT_THROW(WorkloadWriter(""), UserError);
  EXPECT_THROW(WorkloadWriter("/proc/no/such/w.jsonl"), UserError);
}

TEST(WorkloadWriter, ReportsAFullDisk) {
  if (!fs::exists("/dev/full")) {
    GTEST_SKIP() << "no /dev/full on this machine";
  }
  WorkloadWriter writer("/dev/full");
  writer.write_request(small_request());
  EXPECT_THROW(writer.finish(), UserError);
}

}  // namespace
}  // namespace lockstep
