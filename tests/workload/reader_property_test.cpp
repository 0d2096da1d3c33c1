#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "base/error.hpp"
#include "temporary_folder.hpp"
#include "workload/workload.hpp"
#include "workload/workload_writer.hpp"

namespace lockstep {

void showValue(const WorkloadRequest& request, std::ostream& out) {
  out << "request " << request.id << ": " << request.input_toks << "/" << request.output_toks;
}

namespace {

using testing::TemporaryFolder;

WorkloadRequest any_call() {
  WorkloadRequest call;
  call.input_toks = *rc::gen::inRange<std::int64_t>(0, std::int64_t{1} << 61);
  call.output_toks = *rc::gen::inRange<std::int64_t>(0, 100'000);
  call.input_ids = *rc::gen::arbitrary<TokenIds>();
  call.output_ids = *rc::gen::arbitrary<TokenIds>();
  return call;
}

Nanos any_time(std::int64_t least) {
  return Nanos{*rc::gen::inRange<std::int64_t>(least, std::int64_t{1} << 62)};
}

void add_session(Workload& workload, std::size_t line) {
  WorkloadSession session;
  const auto letters = rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127));
  session.session_id = *letters + std::to_string(line);
  session.first_request = static_cast<std::int64_t>(workload.requests.size());
  session.num_calls = *rc::gen::inRange<std::int64_t>(1, 5);
  for (std::int64_t k = 0; k < session.num_calls; ++k) {
    WorkloadRequest& call = workload.requests.emplace_back(any_call());
    call.session = static_cast<std::int32_t>(workload.sessions.size());
    call.session_call = static_cast<std::int32_t>(k);
    call.tool_duration = any_time(0);
    call.arrival = k == 0 ? any_time(-(std::int64_t{1} << 62)) : Nanos{};
  }
  workload.sessions.push_back(std::move(session));
}

Workload any_workload() {
  Workload workload;
  const auto lines = *rc::gen::inRange<std::size_t>(1, 10);
  for (std::size_t line = 0; line < lines; ++line) {
    if (*rc::gen::arbitrary<bool>()) {
      add_session(workload, line);
    } else {
      workload.requests.push_back(any_call());
      workload.requests.back().arrival = any_time(-(std::int64_t{1} << 62));
    }
  }
  for (std::size_t i = 0; i < workload.requests.size(); ++i) {
    workload.requests[i].id = static_cast<std::int64_t>(i);
  }
  return workload;
}

/// Whether reading succeeds; any failure must be the user's.
bool reads(const std::filesystem::path& file, bool with_ids) {
  try {
    static_cast<void>(read_workload(file, {0, with_ids}));
    return true;
  } catch (const UserError&) {
    return false;
  }
}

RC_GTEST_PROP(WorkloadProperties, WhatIsWrittenIsReadBack, ()) {
  const TemporaryFolder folder;
  const Workload written = any_workload();
  write_workload(written, folder.path() / "w.jsonl");
  const Workload read = read_workload(folder.path() / "w.jsonl", {});
  RC_ASSERT(read.requests.size() == written.requests.size());
  RC_ASSERT(read.sessions.size() == written.sessions.size());
  for (std::size_t i = 0; i < read.requests.size(); ++i) {
    const WorkloadRequest& a = read.requests[i];
    const WorkloadRequest& b = written.requests[i];
    RC_ASSERT(a.id == b.id && a.session == b.session && a.session_call == b.session_call);
    RC_ASSERT(a.input_toks == b.input_toks && a.output_toks == b.output_toks);
    RC_ASSERT(a.arrival.count() == b.arrival.count());
    RC_ASSERT(a.tool_duration.count() == b.tool_duration.count());
    RC_ASSERT(a.input_ids == b.input_ids && a.output_ids == b.output_ids);
  }
  for (std::size_t i = 0; i < read.sessions.size(); ++i) {
    RC_ASSERT(read.sessions[i].session_id == written.sessions[i].session_id);
    RC_ASSERT(read.sessions[i].first_request == written.sessions[i].first_request);
    RC_ASSERT(read.sessions[i].num_calls == written.sessions[i].num_calls);
  }
}

RC_GTEST_PROP(WorkloadProperties, RandomBytesNeverCrash, (const std::string& bytes)) {
  const TemporaryFolder folder;
  const auto file = folder.write("w.jsonl", bytes);
  reads(file, true);
  reads(file, false);
}

RC_GTEST_PROP(WorkloadProperties, DamagedLinesNeverCrash, ()) {
  const TemporaryFolder folder;
  write_workload(any_workload(), folder.path() / "good.jsonl");
  std::string text = testing::file_text(folder.path() / "good.jsonl");
  const std::string marks = "{}[]\",:\\\n\t 0-9.eEtn\xff";
  const auto damages = *rc::gen::inRange(1, 4);
  for (int i = 0; i < damages && !text.empty(); ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    switch (*rc::gen::inRange(0, 3)) {
      case 0:
        text[at] = *rc::gen::elementOf(marks);
        break;
      case 1:
        text.erase(at, *rc::gen::inRange<std::size_t>(1, 20));
        break;
      default:
        text.insert(at, 1, *rc::gen::elementOf(marks));
        break;
    }
  }
  const auto file = folder.write("w.jsonl", text);
  reads(file, true);
  reads(file, false);
}

TEST(WorkloadReader, StopsAtEveryCutOfALine) {
  const TemporaryFolder folder;
  const std::string line =
      R"({"session_id": "a\u00e9", "arrival_time_ns": 12, "sub_requests": [{"input_toks": 3,)"
      R"( "output_toks": 4, "input_tok_ids": [1, 22], "x": {"y": [true, null, 1.5e3]}}]})";
  for (std::size_t length = 0; length < line.size(); ++length) {
    const auto file = folder.write("w.jsonl", line.substr(0, length));
    EXPECT_FALSE(reads(file, true)) << length;
    EXPECT_FALSE(reads(file, false)) << length;
  }
  EXPECT_TRUE(reads(folder.write("w.jsonl", line), true));
}

}  // namespace
}  // namespace lockstep
