// Rows that come mixed are in the file part by part.
#include "report/row_spill.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "report/provenance.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

class RowSpillTest : public ::testing::Test {
protected:
  RowSpillTest()
      : folder_(fs::temp_directory_path() / ("row_spill_" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~RowSpillTest() override { fs::remove_all(folder_); }
  [[nodiscard]] std::size_t num_files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }
  static std::string bytes_of(const fs::path& file) {
    std::ostringstream text;
    text << std::ifstream(file, std::ios::binary).rdbuf();
    return text.str();
  }

  fs::path folder_;
};

TEST_F(RowSpillTest, PartsStandBehindEachOther) {
  for (const std::size_t parts : {1U, 3U, 9000U}) {
    RowSpill spill(folder_ / "rows.csv", parts, "header\n");
    std::vector<std::string> want(parts);
    for (std::size_t i = 0; i < 40'000; ++i) {
      const std::size_t part = i * 7919 % parts;
      const std::string row = std::to_string(i) + std::string(i % 90, 'x') + "\n";
      spill.append(part, row);
      want[part] += row;
    }
    std::string whole = "header\n";
    for (const std::string& rows : want) {
      whole += rows;
    }
    EXPECT_FALSE(fs::exists(folder_ / "rows.csv"));
    spill.commit(folder_ / "rows.csv");
    EXPECT_TRUE(bytes_of(folder_ / "rows.csv") == whole) << parts;
    EXPECT_EQ(spill.bytes(), std::ssize(whole));
    EXPECT_EQ(spill.digest(), bytes_digest(whole));
    EXPECT_EQ(num_files(), 1U);
    fs::remove(folder_ / "rows.csv");
  }
}

TEST_F(RowSpillTest, NothingStaysOfOneThatIsGivenUp) {
  {
    RowSpill spill(folder_ / "rows.csv", 2, "header\n");
    spill.append(1, std::string(std::size_t{40} << 20, 'x'));
  }
  EXPECT_EQ(num_files(), 0U);
}

TEST_F(RowSpillTest, GoesToAnotherPlaceWhenTheRunWasStopped) {
  RowSpill spill(folder_ / "rows.csv", 1, "header\n");
  spill.commit(folder_ / "rows.partial.csv");
  EXPECT_EQ(bytes_of(folder_ / "rows.partial.csv"), "header\n");
  EXPECT_EQ(num_files(), 1U);
}

TEST_F(RowSpillTest, AFolderThatRefusesIsNamed) {
  EXPECT_THROW(RowSpill("/proc/nobody/rows.csv", 1, ""), UserError);
}

}  // namespace
}  // namespace lockstep
