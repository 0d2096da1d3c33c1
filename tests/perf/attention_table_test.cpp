#include "perf/attention_table.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "base/error.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

// The look-up as one would write it from its definition, with maps and no precomputation.
class SlowAttention {
public:
  explicit SlowAttention(const std::vector<AttentionSample>& samples) {
    for (const auto& [p, nanos] : samples) {
      slices_[{p.prefill_chunk, p.n_decode}][p.kv_prefill].emplace(p.kv_decode, nanos);
      chunks_.insert(p.prefill_chunk);
      decodes_.insert(p.n_decode);
    }
  }

  [[nodiscard]] double at(const AttentionPoint& q) const {
    const auto [p0, p1, tp] = axis({chunks_.begin(), chunks_.end()}, q.prefill_chunk);
    const auto [n0, n1, tn] = axis({decodes_.begin(), decodes_.end()}, q.n_decode);
    const double c00 = slice(p0, n0, q);
    const double c01 = slice(p0, n1, q);
    const double c10 = slice(p1, n0, q);
    const double c11 = slice(p1, n1, q);
    const double v0 = c00 + tn * (c01 - c00);
    const double v1 = c10 + tn * (c11 - c10);
    return v0 + tp * (v1 - v0);
  }

private:
  using Row = std::map<std::int64_t, double>;
  using Slice = std::map<std::int64_t, Row>;
  struct Ends {
    std::int64_t lo, hi;
    double t;
  };

  static Ends axis(const std::vector<std::int64_t>& grid, std::int64_t q) {
    if (grid.size() == 1 || q <= grid.front()) {
      return {grid.front(), grid.front(), 0.0};
    }
    std::size_t lo = 0;
    while (lo + 2 < grid.size() && grid[lo + 1] <= q) {
      ++lo;
    }
    return {grid[lo], grid[lo + 1],
            static_cast<double>(q - grid[lo]) / static_cast<double>(grid[lo + 1] - grid[lo])};
  }

  template <class Map>
  static std::vector<std::int64_t> keys(const Map& map) {
    std::vector<std::int64_t> result;
    for (const auto& [key, value] : map) {
      result.push_back(key);
    }
    return result;
  }

  static double row(const Row& r, std::int64_t kv_decode) {
    const auto [lo, hi, t] = axis(keys(r), kv_decode);
    return r.at(lo) + t * (r.at(hi) - r.at(lo));
  }

  [[nodiscard]] double slice(std::int64_t chunk, std::int64_t decodes,
                             const AttentionPoint& q) const {
    auto best = slices_.begin();
    const auto distance = [&](const auto& entry) {
      const std::int64_t dp = entry.first.first - chunk;
      const std::int64_t dn = entry.first.second - decodes;
      return dp * dp + dn * dn;
    };
    for (auto it = slices_.begin(); it != slices_.end(); ++it) {
      if (distance(*it) < distance(*best)) {
        best = it;
      }
    }
    const auto [lo, hi, t] = axis(keys(best->second), q.kv_prefill);
    const double x = row(best->second.at(lo), q.kv_decode);
    return lo == hi ? x : x + t * (row(best->second.at(hi), q.kv_decode) - x);
  }

  std::map<std::pair<std::int64_t, std::int64_t>, Slice> slices_;
  std::set<std::int64_t> chunks_, decodes_;
};

RC_GTEST_PROP(AttentionTable, EqualsTheSlowLookup, ()) {
  const auto small = [](int to) { return *rc::gen::inRange(0, to); };
  std::vector<AttentionSample> samples;
  std::set<AttentionPoint> seen;
  for (int i = *rc::gen::inRange(1, 60); i > 0; --i) {
    const AttentionPoint p{small(6) * 16, small(4) * 32, small(5) * 3, small(5) * 20};
    if (seen.insert(p).second) {
      samples.push_back({p, static_cast<double>(*rc::gen::inRange(1, 1000000))});
    }
  }
  const AttentionTable table(samples);
  const SlowAttention slow(samples);
  for (int i = 0; i < 20; ++i) {
    const AttentionPoint q{small(130), small(200), small(20), small(130)};
    RC_ASSERT(table.at(q).value == slow.at(q));
  }
  for (const AttentionSample& s : samples) {
    RC_ASSERT(table.at(s.point).source == TimeSource::exact);
  }
}

// A profile in little: chunks 0, 16, 32, decodes 0, 1, 4 without (0, 0) and (32, 4).
AttentionTable little() {
  return AttentionTable({
      {{0, 0, 1, 16}, 100},
      {{0, 0, 1, 64}, 200},
      {{0, 0, 4, 16}, 400},
      {{0, 0, 4, 64}, 800},
      {{16, 0, 0, 0}, 1000},
      {{16, 64, 0, 0}, 1200},
      {{16, 0, 1, 16}, 1100},
      {{16, 0, 1, 64}, 1300},
      {{16, 64, 1, 16}, 1500},
      {{16, 64, 1, 64}, 1700},
      {{16, 0, 4, 16}, 2000},
      {{32, 0, 0, 0}, 3000},
      {{32, 0, 1, 16}, 3100},
  });
}

void expect(const Estimate& got, double value, TimeSource source) {
  EXPECT_EQ(got.value, value);
  EXPECT_EQ(got.source, source);
}

TEST(AttentionTable, PureDecodesIgnoreTheCachedPrefill) {
  const AttentionTable table = little();
  expect(table.at({0, 999, 1, 16}), 100, TimeSource::exact);
  expect(table.at({0, 0, 1, 40}), 150, TimeSource::interpolated);
  expect(table.at({0, 0, 2, 16}), 200, TimeSource::interpolated);
  expect(table.at({0, 0, 1, 3}), 100, TimeSource::extrapolated);
  expect(table.at({0, 0, 1, 112}), 300, TimeSource::extrapolated);
}

TEST(AttentionTable, PurePrefillsIgnoreTheContextOfDecodes) {
  const AttentionTable table = little();
  expect(table.at({16, 0, 0, 777}), 1000, TimeSource::exact);
  expect(table.at({16, 32, 0, 0}), 1100, TimeSource::interpolated);
  expect(table.at({24, 0, 0, 0}), 2000, TimeSource::interpolated);
  expect(table.at({48, 0, 0, 0}), 5000, TimeSource::extrapolated);
}

TEST(AttentionTable, BlendsAllFourAxes) {
  // (16, 32, 1, 40): rows 1200 and 1600, so 1400.
  expect(little().at({16, 32, 1, 40}), 1400, TimeSource::interpolated);
}

TEST(AttentionTable, ASmallPrefillAloneBlendsWithTheNearestDecode) {
  // (0, 0) is missing; (0, 1) is nearest and answers with its first sample.
  expect(little().at({8, 0, 0, 0}), 550, TimeSource::extrapolated);
}

TEST(AttentionTable, MissingCornerTakesTheNearestSlice) {
  // (32, 4): (32, 1) is 3 away, (16, 4) is 16.
  expect(little().at({32, 0, 4, 16}), 3100, TimeSource::extrapolated);
}

TEST(AttentionTable, OfSlicesEquallyFarTheFirstIsTaken) {
  // (16, 16) is as far from (0, 16) as from (16, 0).
  const AttentionTable table({{{0, 0, 16, 0}, 1}, {{16, 0, 0, 0}, 2}});
  EXPECT_EQ(table.at({16, 0, 16, 0}).value, 1);
}

TEST(AttentionTable, NegativeArgumentsCountAsZero) {
  EXPECT_EQ(little().at({-5, -1, 1, -9}).value, little().at({0, 0, 1, 0}).value);
}

TEST(AttentionTable, OfEqualPointsTheFirstStays) {
  const AttentionTable table({{{0, 0, 1, 16}, 5}, {{0, 0, 1, 16}, 7}});
  EXPECT_EQ(table.at({0, 0, 1, 16}).value, 5);
}

TEST(AttentionTable, RefusesAFileWithoutSamples) {
  const testing::TempDir dir;
  EXPECT_THROW((void)AttentionTable::read(dir.write(
                   "attention.csv", "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n")),
               UserError);
}

}  // namespace
}  // namespace lockstep
