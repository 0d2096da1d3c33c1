#include "perf/csv_file.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using testing::TempDir;

// Runs `use` on every row and returns the line that it is refused at; 0: accepted.
template <class Use>
std::int64_t refused_line(std::string_view content, Use use) {
  const TempDir dir;
  const auto file = dir.write("t.csv", content);
  try {
    CsvFile csv(file);
    while (csv.next_row()) {
      use(csv);
    }
  } catch (const UserError& error) {
    EXPECT_EQ(error.where().file, file.string());
    EXPECT_FALSE(error.mend().empty());
    return error.where().line;
  }
  return 0;
}

std::int64_t refused_time(std::string_view text) {
  return refused_line("k,time_us\n1," + std::string(text) + "\n",
                      [](CsvFile& csv) { (void)csv.nanos_of_micros(1); });
}

TEST(CsvFile, ReadsEitherLineEndMarkQuotesAndBlankLines) {
  const TempDir dir;
  CsvFile csv(dir.write("t.csv", "\xEF\xBB\xBFname,x\r\n\"a,b\",1\r\n\r\nc,2"));
  ASSERT_TRUE(csv.next_row());
  EXPECT_EQ(csv.text(csv.column("name")), "a,b");
  EXPECT_EQ(csv.key(csv.column("x")), 1);
  ASSERT_TRUE(csv.next_row());
  EXPECT_EQ(csv.text(0), "c");
  EXPECT_EQ(csv.key(1), 2);
  EXPECT_FALSE(csv.next_row());
  EXPECT_FALSE(csv.next_row());
}

TEST(CsvFile, RoundsTheProductInDoubleHalvesToEven) {
  const TempDir dir;
  CsvFile csv(
      dir.write("t.csv", "time_us\n1.9785\n1.9995\n1.9835\n4.0155\n32.7625\n0.0004\n0\n712.25\n"));
  // 4.0155 * 1000 is above the half in double, 32.7625 * 1000 too.
  for (const double expected : {1978.0, 2000.0, 1984.0, 4016.0, 32763.0, 1.0, 1.0, 712250.0}) {
    ASSERT_TRUE(csv.next_row());
    EXPECT_EQ(csv.nanos_of_micros(0), expected);
  }
}

TEST(CsvFile, RefusesTimesThatAreNone) {
  for (const char* text : {"nan", "inf", "-1", "", "x", "1.5x", " 1", "1e300", "-0.001"}) {
    EXPECT_EQ(refused_time(text), 2) << text;
  }
  EXPECT_EQ(refused_time("1e2"), 0);
}

TEST(CsvFile, RefusesKeysThatAreNone) {
  const auto use = [](CsvFile& csv) { (void)csv.key(0); };
  for (const char* text : {"-1", "1.0", "x", "99999999999999999999", "1000000001"}) {
    EXPECT_EQ(refused_line("k,v\n0,1\n" + std::string(text) + ",1\n", use), 3) << text;
  }
}

TEST(CsvFile, RefusesRowsOfTheWrongWidth) {
  const auto nothing = [](CsvFile&) {};
  EXPECT_EQ(refused_line("a,b\n1,2\n1\n", nothing), 3);
  EXPECT_EQ(refused_line("a,b\n1,2,3\n", nothing), 2);
}

TEST(CsvFile, NamesTheMissingColumnOrFile) {
  const TempDir dir;
  const CsvFile csv(dir.write("t.csv", "a,b\n"));
  EXPECT_FALSE(csv.find_column("c"));
  EXPECT_THROW((void)csv.column("c"), UserError);
  EXPECT_THROW(CsvFile(dir.path() / "absent.csv"), UserError);
  EXPECT_THROW(CsvFile(dir.write("empty.csv", "")), UserError);
}

}  // namespace
}  // namespace lockstep
