#include "report/output_file.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/error.hpp"
#include "requests_from_csv.hpp"

namespace lockstep {
namespace fs = std::filesystem;
namespace {

using testing::read_bytes;

class OutputFileTest : public ::testing::Test {
protected:
  OutputFileTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() /
              ("lockstep-output-" + std::to_string(getpid()) + '-' + test->name());
    fs::create_directories(folder_);
  }
  ~OutputFileTest() override { fs::remove_all(folder_); }

  void put(const fs::path& file, std::string_view text) const { std::ofstream(file) << text; }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

TEST_F(OutputFileTest, IsNotThereBeforeItIsComplete) {
  const OutputFile file(folder_ / "a" / "b.csv");
  EXPECT_EQ(entries(), 0U);
  file.commit("x\r\n");
  EXPECT_EQ(read_bytes(folder_ / "a" / "b.csv"), "x\r\n");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(OutputFileTest, ReplacesWhatWasThereAndLeavesNothingBeside) {
  put(folder_ / "a.csv", "a longer text than before");
  OutputFile(folder_ / "a.csv").commit("new");
  EXPECT_EQ(read_bytes(folder_ / "a.csv"), "new");
  EXPECT_EQ(entries(), 1U);
}

TEST_F(OutputFileTest, PartOfAResultGoesBesideThePlaceOfAWholeOne) {
  put(folder_ / "a.csv", "whole");
  OutputFile file(folder_ / "a.csv");
  file.become_partial();
  file.commit("part");
  EXPECT_EQ(read_bytes(folder_ / "a.csv"), "whole");
  EXPECT_EQ(read_bytes(folder_ / "a.partial.csv"), "part");
  EXPECT_EQ(partial_path("x/run"), fs::path("x/run.partial"));
  OutputFile device("/dev/null");
  EXPECT_FALSE(device.is_file());
  device.become_partial();
  EXPECT_EQ(device.path(), "/dev/null");
}

TEST_F(OutputFileTest, WritesThroughALink) {
  put(folder_ / "real.csv", "old");
  fs::create_symlink(folder_ / "real.csv", folder_ / "link.csv");
  OutputFile(folder_ / "link.csv").commit("new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "link.csv"));
  EXPECT_EQ(read_bytes(folder_ / "real.csv"), "new");
}

TEST_F(OutputFileTest, RefusesWhatCannotBeAFile) {
  put(folder_ / "plain", "");
  for (const fs::path& path :
       {folder_, folder_ / "", folder_ / "plain" / "x.csv", folder_ / "plain" / "y" / "x.csv",
        fs::path(), folder_ / std::string(300, 'x')}) {
    EXPECT_THROW(
        {
          const OutputFile file(path);
          file.commit("");
        },
        UserError)
        << path;
  }
  EXPECT_EQ(entries(), 1U);
}

TEST_F(OutputFileTest, RefusesAFolderThatMayNotBeWritten) {
  if (geteuid() == 0) {
    GTEST_SKIP() << "root may write everywhere";
  }
  fs::permissions(folder_, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_THROW(OutputFile{folder_ / "a.csv"}, UserError);
  fs::permissions(folder_, fs::perms::owner_all);
}

TEST_F(OutputFileTest, NamesTheFlagAndThePath) {
  try {
    const OutputFile file(folder_);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.where().path, "--output");
    EXPECT_EQ(error.where().file, folder_.string());
    EXPECT_FALSE(error.mend().empty());
  }
}

TEST_F(OutputFileTest, KeepsDevices) {
  OutputFile("/dev/null").commit("gone");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST(RunIdInPath, EveryMentionIsReplaced) {
  EXPECT_EQ(with_run_id("out/{run_id}/{run_id}.csv", "r7"), "out/r7/r7.csv");
  EXPECT_EQ(with_run_id("out.csv", "r7"), "out.csv");
  EXPECT_EQ(with_run_id("{run_id}", "{run_id}"), "{run_id}");
}

}  // namespace
}  // namespace lockstep
