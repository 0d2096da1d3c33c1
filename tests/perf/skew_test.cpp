#include <gtest/gtest.h>

#include "base/error.hpp"
#include "perf/bundle_meta.hpp"
#include "perf/measured_times.hpp"
#include "perf/skew_fit.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using testing::TempDir;

TEST(SkewAxis, BinsAreRightInclusiveAndTheLastLabelCatchesTheRest) {
  const SkewAxis& axis = SkewAxes::usual().decodes;
  EXPECT_EQ(axis.labels[axis.index_of(0)], "n<=2");
  EXPECT_EQ(axis.labels[axis.index_of(2)], "n<=2");
  EXPECT_EQ(axis.labels[axis.index_of(3)], "n<=4");
  EXPECT_EQ(axis.labels[axis.index_of(128)], "n<=128");
  EXPECT_EQ(axis.labels[axis.index_of(5000000)], "n>128");
}

TEST(SkewFit, BucketOrDefault) {
  SkewFit fit(SkewAxes::usual(), 0.25);
  fit.add({{"pc=16|n<=4|sr<=40%|kvB<=1k|kp=0", 0.5},
           {"pc=16|n<=4|sr<=40%|kvB<=1k|kp=0", 1.5},  // replaces the one before
           {"pc=16|n<=4|no such label|kvB<=1k|kp=0", 9.0},
           {"nonsense", 9.0}});
  const AttentionShape in_bucket{16, 0, 3, 300, 1000, 100};  // rate 200 / 900
  EXPECT_EQ(fit.alpha(in_bucket), 1.5);
  AttentionShape other = in_bucket;
  other.prefill_chunk = 17;  // the chunk is no bin
  EXPECT_EQ(fit.alpha(other), 0.25);
  other = in_bucket;
  other.kv_decode_max = 1025;
  EXPECT_EQ(fit.alpha(other), 0.25);
}

constexpr const char* kAttention =
    "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
    "0,0,2,16,1\n0,0,2,1016,11\n16,0,0,0,5\n";
constexpr const char* kSkewFit =
    "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\n"
    "0,n<=2,sr<=70%,kvB<=1k,kp=0,0.0005,1\n";

MeasuredTimes times_of(const TempDir& dir, const std::string& meta,
                       std::vector<std::string>& warnings) {
  dir.write("meta.yaml", meta);
  dir.write("tp1/attention.csv", kAttention);
  Bundle bundle(dir.path());
  return MeasuredTimes(bundle, 1, warnings);
}

const std::string kEnabled =
    "skew_fit:\n  enabled: true\n  per_tp:\n    1: {alpha_default: 2.0, bucket_table: "
    "tp1/skew_fit.csv}\n";

TEST(Skew, CorrectsUnequalContextsRoundingHalfToEven) {
  const TempDir dir;
  dir.write("tp1/skew_fit.csv", kSkewFit);
  std::vector<std::string> warnings;
  const MeasuredTimes times = times_of(dir, kEnabled, warnings);
  EXPECT_TRUE(warnings.empty());
  // mean 516: 6000, max 1016: 11000, rate 0.5: 6000 + 0.0005 * 5000 = 6002.5 -> 6002
  const KernelTime t = times.attention({0, 0, 2, 516, 1016, 16});
  EXPECT_EQ(t.time, Nanos{6002});
  EXPECT_EQ(t.source, TimeSource::interpolated);
  // max 2016 is in no bucket: mean 1016: 11000, max: 21000, alpha 2 is not clamped
  EXPECT_EQ(times.attention({0, 0, 2, 1016, 2016, 16}).time, Nanos{31000});
}

TEST(Skew, EqualContextsAndSingleDecodesAreNotCorrected) {
  const TempDir dir;
  dir.write("tp1/skew_fit.csv", kSkewFit);
  std::vector<std::string> warnings;
  const MeasuredTimes times = times_of(dir, kEnabled, warnings);
  EXPECT_EQ(times.attention({0, 0, 2, 516, 516, 516}).time, Nanos{6000});
  EXPECT_EQ(times.attention({0, 0, 1, 516, 1016, 16}).time,
            times.attention({0, 0, 1, 516, 516, 516}).time);
  // Both contexts clamp to the first sample: nothing to add.
  EXPECT_EQ(times.attention({0, 0, 2, 3, 9, 1}).time, Nanos{1000});
}

TEST(Skew, DisabledOrAbsentMeansNoCorrection) {
  for (const char* meta : {"skew_fit: {enabled: false}\n", "hardware: X\n", "skew_fit:\n"}) {
    const TempDir dir;
    dir.write("tp1/skew_fit.csv", kSkewFit);
    std::vector<std::string> warnings;
    EXPECT_EQ(times_of(dir, meta, warnings).attention({0, 0, 2, 516, 1016, 16}).time, Nanos{6000})
        << meta;
  }
}

TEST(Skew, MissingTableWarnsAndUsesTheDefault) {
  const TempDir dir;
  std::vector<std::string> warnings;
  const MeasuredTimes times = times_of(dir, kEnabled, warnings);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("skew_fit.csv is missing"), std::string::npos);
  EXPECT_EQ(times.attention({0, 0, 2, 516, 1016, 16}).time, Nanos{16000});
}

TEST(Skew, InlineBucketsReplaceTheFile) {
  const TempDir dir;
  dir.write("tp1/skew_fit.csv", kSkewFit);
  std::vector<std::string> warnings;
  const MeasuredTimes times = times_of(dir,
                                       "skew_fit:\n  enabled: true\n  per_tp:\n    '1':\n"
                                       "      bucket_table: tp1/skew_fit.csv\n"
                                       "      alpha_by_bucket:\n"
                                       "        pc=0|n<=2|sr<=70%|kvB<=1k|kp=0: -0.1\n",
                                       warnings);
  EXPECT_EQ(times.attention({0, 0, 2, 516, 1016, 16}).time, Nanos{5500});
}

TEST(Skew, ADegreeWithoutEntryTakesTheSharedDefault) {
  const TempDir dir;
  std::vector<std::string> warnings;
  const MeasuredTimes times = times_of(
      dir, "skew_fit: {enabled: true, alpha_default: 0.5, per_tp: {2: {alpha_default: 9}}}\n",
      warnings);
  EXPECT_EQ(times.attention({0, 0, 2, 516, 1016, 16}).time, Nanos{8500});
}

TEST(BundleMeta, RefusesBadYamlAndBadAxesWithTheirLine) {
  const TempDir dir;
  for (const auto& [text, line] : std::vector<std::pair<std::string, std::int64_t>>{
           {"a: [1, 2\n", 2},
           {"a: 1\nskew_fit:\n  enabled: maybe\n", 3},
           {"skew_fit:\n  enabled: true\n  bucket_axes:\n    n_bins: [0, 1]\n    n_labels: [a, "
            "b]\n",
            4},
           {"engine_effective:\n  max_num_seqs: many\n", 2},
           {"skew_fit:\n  enabled: true\n  per_tp:\n    1: {alpha_default: .nan}\n", 4}}) {
    try {
      (void)read_bundle_meta(dir.write("meta.yaml", text));
      ADD_FAILURE() << "accepted: " << text;
    } catch (const UserError& error) {
      EXPECT_EQ(error.where().line, line) << text << error.what();
    }
  }
}

}  // namespace
}  // namespace lockstep
