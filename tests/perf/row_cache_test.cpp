#include "perf/row_cache.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

const std::vector<NumberRow> kRows = {{{1, 2, 3, 4}, 5.5}, {{0, 0, 0, 1'000'000'000}, -1e-300}};
const RowSource kSource{RowTable::skew_fit, 0, 7, {1, 2}, {100, 3, 4, 5, 6}};

std::vector<NumberRow> copied(std::span<const NumberRow> rows) {
  return {rows.begin(), rows.end()};
}

TEST(RowFile, GivesBackWhatWasWritten) {
  const std::string file = encode_rows(kSource, kRows);
  EXPECT_EQ(copied(decode_rows(file, kSource).value()), kRows);
}

TEST(RowFile, EveryChangedBitIsNoticed) {
  const std::string good = encode_rows(kSource, kRows);
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_rows(bad, kSource)) << bit;
  }
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_rows(good.substr(0, size), kSource)) << size;
  }
  EXPECT_FALSE(decode_rows(good + std::string(sizeof(NumberRow), '\0'), kSource));
}

TEST(RowFile, OfNothingElse) {
  const std::string good = encode_rows(kSource, kRows);
  const auto fits = [&](RowSource other) { return decode_rows(good, other).has_value(); };
  EXPECT_TRUE(fits(kSource));
  EXPECT_FALSE(fits({RowTable::attention, 0, 7, {1, 2}, {100, 3, 4, 5, 6}}));
  EXPECT_FALSE(fits({RowTable::skew_fit, 0, 8, {1, 2}, {100, 3, 4, 5, 6}}));
  EXPECT_FALSE(fits({RowTable::skew_fit, 0, 7, {1, 3}, {100, 3, 4, 5, 6}}));
  EXPECT_FALSE(fits({RowTable::skew_fit, 0, 7, {1, 2}, {101, 3, 4, 5, 6}}));
  EXPECT_FALSE(fits({RowTable::skew_fit, 0, 7, {1, 2}, {100, 0, 4, 5, 6}}));
  EXPECT_FALSE(fits({RowTable::skew_fit, 0, 7, {1, 2}, {100, 3, 4, 0, 6}}));
  EXPECT_FALSE(fits({RowTable::skew_fit, 0, 7, {1, 2}, {100, 3, 4, 5, 0}}));
}

TEST(RowFile, WhatNoTableHoldsIsRefusedThoughItsChecksumFits) {
  const auto refused = [](const std::vector<NumberRow>& rows) {
    const std::string file = encode_rows(kSource, rows);
    return !decode_rows(file, kSource);
  };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{{-1, 0, 0, 0}, 1}}));
  EXPECT_TRUE(refused({{{0, 1'000'000'001, 0, 0}, 1}}));
  EXPECT_TRUE(refused({{{0, 0, 0, 0}, std::numeric_limits<double>::infinity()}}));
  EXPECT_TRUE(refused({{{0, 0, 0, 0}, std::numeric_limits<double>::quiet_NaN()}}));
}

class RowCacheCase : public ::testing::Test {
protected:
  [[nodiscard]] const fs::path& folder() const { return folder_.path(); }
  /// 100 bytes: a source is no shorter than a quarter of its rows.
  void write(const std::string& text) const {
    std::ofstream(source()) << text << std::string(100 - text.size(), '.');
  }
  [[nodiscard]] fs::path source() const { return folder() / "attention.csv"; }
  [[nodiscard]] fs::path cache_dir() const { return folder() / "cache"; }
  [[nodiscard]] fs::path kept() const { return cache().place(source(), RowTable::attention); }
  /// Keeps files however small and new.
  [[nodiscard]] RowCache cache() const { return RowCache(cache_dir(), 1, -1'000'000'000); }
  /// Whether the source had to be read.
  bool reads(const RowCache& cache) {
    bool read = false;
    const RowList list = cache.rows(source(), RowTable::attention, 0, [&] {
      read = true;
      return kRows;
    });
    EXPECT_EQ(copied(list.rows()), kRows);
    EXPECT_EQ(list.was_read(), read);
    return read;
  }

private:
  testing::TempDir folder_;
};

TEST_F(RowCacheCase, AFileIsReadOnceUntilItChanges) {
  write("some text");
  EXPECT_TRUE(reads(cache()));
  EXPECT_FALSE(reads(cache()));
  write("other text");
  EXPECT_TRUE(reads(cache()));
  EXPECT_FALSE(reads(cache()));
}

TEST_F(RowCacheCase, ContentsOfTheSameLengthAndTimeAreOthers) {
  write("some text");
  const auto time = fs::last_write_time(source());
  EXPECT_TRUE(reads(cache()));
  write("same size");
  fs::last_write_time(source(), time);
  EXPECT_TRUE(reads(cache())) << "the time of the change of its times is not the user's";
  EXPECT_FALSE(reads(cache()));
  fs::copy(source(), folder() / "third");
  fs::rename(folder() / "third", source());
  fs::last_write_time(source(), time);
  EXPECT_TRUE(reads(cache()));
}

TEST_F(RowCacheCase, WhatHasJustChangedIsNotKept) {
  write("some text");
  const RowCache patient(cache_dir(), 1);
  EXPECT_TRUE(reads(patient));
  EXPECT_TRUE(reads(patient));
  EXPECT_FALSE(fs::exists(cache_dir()));
}

TEST_F(RowCacheCase, SmallFilesAreNotKept) {
  write("some text");
  const RowCache large(cache_dir(), 101, -1'000'000'000);
  EXPECT_TRUE(reads(large));
  EXPECT_TRUE(reads(large));
}

TEST_F(RowCacheCase, DamageIsMended) {
  write("some text");
  EXPECT_TRUE(reads(cache()));
  for (const std::string bad : {"", "LOCKROW\n", "nonsense"}) {
    std::ofstream(kept()) << bad;
    EXPECT_TRUE(reads(cache()));
    EXPECT_FALSE(reads(cache()));
  }
}

TEST_F(RowCacheCase, WhereNothingCanBeWrittenTheSourceIsRead) {
  write("some text");
  std::ofstream(cache_dir()) << "a file, no folder";
  EXPECT_TRUE(reads(cache()));
  EXPECT_TRUE(reads(cache()));
  fs::remove(cache_dir());
  fs::create_directories(kept());  // a folder of the file's name
  EXPECT_TRUE(reads(cache()));
  EXPECT_TRUE(reads(RowCache(std::nullopt, 1, 0)));
}

TEST_F(RowCacheCase, WhatTheSourceIsRefusedForIsSaidEveryTime) {
  write("some text");
  const auto refuse = []() -> std::vector<NumberRow> { throw UserError("bad", {}, "mend"); };
  for (int i = 0; i < 2; ++i) {
    EXPECT_THROW(static_cast<void>(cache().rows(source(), RowTable::attention, 0, refuse)),
                 UserError);
  }
}

}  // namespace
}  // namespace lockstep
