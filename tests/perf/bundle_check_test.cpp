#include "perf/bundle_check.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "perf/bundle_list.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using testing::TempDir;

std::vector<std::string> samples(const BundleCheck& check, FindingKind kind) {
  std::vector<std::string> found;
  for (const Finding& finding : check.findings) {
    if (finding.kind == kind) {
      found.push_back(finding.file + ":" + finding.sample);
    }
  }
  return found;
}

using Texts = std::vector<std::string>;

TEST(BundleCheck, AnOutlierIsAboveOrBelowBothNeighbours) {
  const TempDir dir;
  dir.write("tp1/dense.csv",
            "layer,tokens,time_us\na,1,10\na,2,14\na,4,11\na,8,12\na,16,9\na,32,13\n");
  const BundleCheck check = check_bundle(dir.path());
  EXPECT_EQ(samples(check, FindingKind::outlier),
            (Texts{"tp1/dense.csv:a,16", "tp1/dense.csv:a,2"}));
  EXPECT_TRUE(samples(check, FindingKind::fall).empty());
}

TEST(BundleCheck, AFallIsATimeThatStaysLower) {
  const TempDir dir;
  dir.write("tp1/dense.csv", "layer,tokens,time_us\na,1,10\na,2,18\na,4,15\na,8,15.5\n");
  const BundleCheck check = check_bundle(dir.path());
  EXPECT_EQ(samples(check, FindingKind::fall), (Texts{"tp1/dense.csv:a,4"}));
  EXPECT_DOUBLE_EQ(check.findings.at(0).ratio, 15.0 / 18.0);
}

TEST(BundleCheck, AHoleIsMissingInsideItsLineOnly) {
  const TempDir dir;
  dir.write("tp1/attention.csv",
            "prefill_chunk,kv_prefill,n_decode,kv_decode,time_us\n"
            "0,0,1,16,1\n0,0,1,32,1\n0,0,1,64,1\n"
            "0,0,2,16,1\n0,0,2,64,1\n"    // 32 is a hole
            "0,0,4,16,1\n0,0,4,32,1\n"    // 64 is beyond its end
            "16,0,1,16,1\n16,0,1,64,1\n"  // another family without 32
  );
  const BundleCheck check = check_bundle(dir.path());
  EXPECT_EQ(samples(check, FindingKind::hole), (Texts{"tp1/attention.csv:0,0,2,32"}));
}

TEST(BundleCheck, AFolderWithoutDegreesIsNoBundle) {
  const TempDir dir;
  EXPECT_THROW(static_cast<void>(check_bundle(dir.path())), UserError);
}

TEST(BundleCheck, TheTextListsTheWorstFirst) {
  const TempDir dir;
  dir.write("tp1/moe.csv",
            "tokens,activated_experts,time_us\n1,8,10\n2,8,20\n4,8,10\n8,8,40\n16,8,10\n");
  const std::string text = check_text(check_bundle(dir.path()), 1);
  EXPECT_NE(text.find("3 outliers\n    8,8  x4.00\n    ... and 2 more"), std::string::npos) << text;
  EXPECT_NE(text.find("tp1/dense.csv is absent"), std::string::npos);
  EXPECT_NE(text.find("to measure again: 3 samples"), std::string::npos);
}

TEST(BundleList, AnEarlierFolderHidesALaterOne) {
  const TempDir first, second;
  first.write("GPU/acme/tiny/bf16/tp2/dense.csv", "");
  second.write("GPU/acme/tiny/bf16/tp1/dense.csv", "");
  second.write("GPU/acme/tiny/fp8/tp1/dense.csv", "");
  const auto bundles = list_bundles({first.path(), second.path(), first.path() / "nowhere"});
  ASSERT_EQ(bundles.size(), 2U);
  EXPECT_EQ(bundles[0].model, "acme/tiny");
  EXPECT_EQ(bundles[0].degrees, (std::vector<std::int64_t>{2}));
  EXPECT_EQ(bundles[1].variant, "fp8");
}

}  // namespace
}  // namespace lockstep
