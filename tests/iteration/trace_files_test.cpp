// Iterations written to a folder and read back.
#include "iteration/trace_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "graph_text.hpp"
#include "iteration/chakra.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using testing::graph_text;
using testing::remote;
using testing::Row;
using testing::trace_of;

class TraceFiles : public ::testing::Test {
protected:
  TraceFiles() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(::testing::TempDir()) / (std::string("lockstep-") + info->name());
    fs::remove_all(root_);
  }
  ~TraceFiles() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  static IterationTrace pipeline() {
    return trace_of({Row("embedding", 500).in(40, remote(0)).out(96),
                     Row("layernorm", 3).in(96).out(96), Row("sampler", 5).out(8, remote(0))},
                    {1});
  }
  static std::string problem_of(const fs::path& path) {
    try {
      (void)read_graphs(path, {});
    } catch (const UserError& error) {
      return error.problem();
    }
    return "no error";
  }

  fs::path root_;
};

TEST_F(TraceFiles, NamesFollowTheLabel) {
  const IterationLabel label{"RTX", "meta/Llama", 3, 17};
  EXPECT_EQ(trace_path(label), "trace/RTX/meta/Llama/instance3_batch17.txt");
  EXPECT_EQ(graph_folder(label), "workload/RTX/meta/Llama/instance3_batch17");
  EXPECT_EQ(wave_folder(label, "A"), "workload/RTX/meta/Llama/dp_A_batch17");
}

TEST_F(TraceFiles, GraphFilesAndTraceTextGiveTheSameGraphs) {
  const IterationTrace trace = pipeline();
  const GraphContext context{.num_npus = 4, .first_npu = 8};
  write_graph_files(root_ / "graphs", trace, context);
  write_trace_file(root_ / "deep" / "trace.txt", trace);
  const auto from_files = read_graphs(root_ / "graphs", {});
  const auto from_text = read_graphs(root_ / "deep" / "trace.txt", context);
  ASSERT_EQ(from_files.size(), 4U);
  ASSERT_EQ(from_text.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(from_files[i]->npu, 8 + static_cast<std::int32_t>(i));
    EXPECT_EQ(graph_text(*from_files[i]), graph_text(*from_text[i]));
  }
}

TEST_F(TraceFiles, ReadingRefusesWhatCannotRun) {
  EXPECT_THAT(problem_of(root_ / "nowhere"), ::testing::HasSubstr("cannot be read"));
  fs::create_directories(root_);
  EXPECT_THAT(problem_of(root_), ::testing::HasSubstr("no graph files"));
  write_graph_files(root_, pipeline(), {.num_npus = 2});
  EXPECT_EQ(problem_of(root_), "no error");
  std::ofstream(root_ / "llm.et") << "not a graph, and not named like one";
  EXPECT_EQ(problem_of(root_), "no error");
  fs::remove(root_ / "llm.1.et");
  EXPECT_THAT(problem_of(root_), ::testing::HasSubstr("from NPU 0 to NPU 1"));
  fs::copy_file(root_ / "llm.0.et", root_ / "other.0.et");
  EXPECT_THAT(problem_of(root_), ::testing::HasSubstr("two graph files"));
}

TEST_F(TraceFiles, RefusedTracesLeaveNothingBehind) {
  EXPECT_THROW(write_graph_files(root_, pipeline(), {.num_npus = 1}), UserError);
  EXPECT_FALSE(fs::exists(root_));
}

TEST(TraceFileNames, StayInTheFolder) {
  const IterationLabel label{"../../gpu", "/models/../mine/config.json", 3, 7};
  EXPECT_EQ(trace_path(label), "trace/gpu/models/mine/config.json/instance3_batch7.txt");
  EXPECT_EQ(graph_folder(label), "workload/gpu/models/mine/config.json/instance3_batch7");
  EXPECT_EQ(wave_folder(label, "A/../../B"), "workload/gpu/models/mine/config.json/dp_A/B_batch7");
}

}  // namespace
}  // namespace lockstep
