#include "perf/skew_fitting.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "base/error.hpp"
#include "perf/bundle_meta.hpp"
#include "perf/yaml_file.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using testing::TempDir;

constexpr const char* kHeader =
    "regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha\n";

std::vector<SkewSample> small_samples() {
  const TempDir dir;
  return read_skew_samples(
      dir.write("skew.csv", std::string(kHeader) +
                                "pure,2,1,0.5,4.0,0,0,128,512,320,10.0,20.0,15.0,0.5\n"
                                "pure,2,1,0.5,4.0,0,0,128,512,320,10.0,30.0,15.0,0.25\n"
                                "mixed,4,1,0.25,4.0,16,512,2048,8192,3584,10.0,20.0,8.0,-0.2\n"
                                "mixed,8,1,0.125,4.0,16,512,128,512,176,10.0,10.0,12.0,\n"));
}

TEST(SkewSamples, RowsWithoutAlphaAreNotValid) {
  const auto samples = small_samples();
  ASSERT_EQ(samples.size(), 4U);
  EXPECT_TRUE(samples[2].valid);
  EXPECT_FALSE(samples[3].valid);
  EXPECT_EQ(samples[0].skew_rate(), 0.5);
}

TEST(SkewSamples, ATimeOfNothingIsRefused) {
  const TempDir dir;
  const auto file = dir.write(
      "skew.csv", std::string(kHeader) + "pure,2,1,0.5,4.0,0,0,128,512,320,0.0,20.0,15.0,0.5\n");
  EXPECT_THROW(static_cast<void>(read_skew_samples(file)), UserError);
}

TEST(SkewFitting, AxesComeFromTheValidSamples) {
  const SkewAxes axes = skew_axes_of(small_samples());
  EXPECT_EQ(axes.decodes.labels, (std::vector<std::string>{"n<=2", "n<=4", "n>4"}));
  EXPECT_EQ(axes.decodes.edges, (std::vector<double>{0, 2, 4, 1e6}));
  EXPECT_EQ(axes.kv_largest.labels,
            (std::vector<std::string>{"kvB<=1k", "kvB<=4k", "kvB<=8k", "kvB>8k"}));
  EXPECT_EQ(axes.kv_prefill.labels, (std::vector<std::string>{"kp=0", "kp<=512", "kp>512"}));
  EXPECT_EQ(axes.kv_prefill.edges, (std::vector<double>{-1, 0, 512, 1e9}));
}

TEST(SkewFitting, AlphaIsTheLineThroughTheOrigin) {
  const FittedSkew fit = fit_skew(small_samples());
  EXPECT_EQ(fit.samples, 3);
  ASSERT_EQ(fit.buckets.size(), 2U);
  EXPECT_EQ(fit.buckets[0].alpha, 0.3);  // (10*5 + 20*5) / (100 + 400)
  EXPECT_EQ(fit.buckets[0].samples, 2);
  EXPECT_EQ(fit.alpha_default, 0.2167);  // (50 + 100 - 20) / 600
  EXPECT_EQ(skew_fit_csv(fit),
            "pc,n_label,skew_rate_label,kv_big_label,kp_label,alpha,n_samples\r\n"
            "0,n<=2,sr<=70%,kvB<=1k,kp=0,0.3,2\r\n"
            "16,n<=4,sr<=40%,kvB<=8k,kp<=512,-0.2,1\r\n");
  EXPECT_EQ(fit.errors.signed_mean, round(1e4 * (-2.0 / 15 + 1.0 / 15) / 3) / 1e4);
}

TEST(SkewFitting, WithoutValidSamplesThereIsNoBucket) {
  const FittedSkew fit = fit_skew({});
  EXPECT_TRUE(fit.buckets.empty());
  EXPECT_EQ(fit.alpha_default, 0.0);
}

TEST(SkewFitting, TheMetaBlockIsReadBack) {
  const FittedSkew fit = fit_skew(small_samples());
  FittedSkew other = fit;
  other.axes.decodes.edges[1] = 3;
  const TempDir dir;
  for (const auto& fits : {std::map<std::int64_t, FittedSkew>{{1, fit}, {2, fit}},
                           std::map<std::int64_t, FittedSkew>{{1, fit}, {2, other}}}) {
    const BundleMeta meta = read_bundle_meta(dir.write("meta.yaml", skew_fit_meta(fits)));
    ASSERT_EQ(meta.skew.size(), 2U);
    EXPECT_EQ(meta.skew.at(2).alpha_default, 0.2167);
    EXPECT_EQ(meta.skew.at(2).bucket_table, "tp2/skew_fit.csv");
    EXPECT_EQ(meta.skew.at(2).axes.decodes.edges, fits.at(2).axes.decodes.edges);
    EXPECT_EQ(meta.skew.at(2).axes.kv_largest.labels, fit.axes.kv_largest.labels);
  }
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// Scalars by their path.
std::map<std::string, std::string> flat(const YAML::Node& node, const std::string& path = "") {
  std::map<std::string, std::string> found;
  if (node.IsScalar()) {
    found[path] = node.Scalar();
  }
  std::size_t place = 0;
  for (const auto& entry : node) {
    const bool listed = node.IsSequence();
    const std::string name = listed ? std::to_string(place++) : entry.first.Scalar();
    found.merge(flat(listed ? YAML::Node(entry) : entry.second, path + "/" + name));
  }
  return found;
}

class MeasuredSkew : public ::testing::TestWithParam<const char*> {};

TEST_P(MeasuredSkew, RefittingGivesTheBundlesTable) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const auto dir = reference / "bundles" / GetParam();
  const YamlFile meta(dir / "meta.yaml");
  std::map<std::int64_t, FittedSkew> fits;
  for (const char* tp : {"1", "2"}) {
    const auto folder = dir / (std::string("tp") + tp);
    if (!std::filesystem::exists(folder)) {
      continue;
    }
    const FittedSkew fit = fit_skew(read_skew_samples(folder / "skew.csv"));
    EXPECT_EQ(skew_fit_csv(fit), text_of(folder / "skew_fit.csv")) << folder;
    fits[std::stoi(tp)] = fit;
  }
  auto known = flat(meta.root()["skew_fit"]);
  if (known.at("/enabled") != "true") {
    ASSERT_EQ(fits.size(), 1U);
    EXPECT_EQ(fits.at(1).alpha_default, 0.0224);  // this bundle's meta keeps no fit
    return;
  }
  auto fitted = flat(YAML::Load(skew_fit_meta(fits))["skew_fit"]);
  known.erase("/bucket_axes/pc");  // a sentence
  fitted.erase("/bucket_axes/pc");
  EXPECT_EQ(fitted, known);
}

INSTANTIATE_TEST_SUITE_P(All, MeasuredSkew,
                         ::testing::Values("RTX4090/meta-llama/Llama-3.1-8B/bf16",
                                           "RTXPRO6000/meta-llama/Llama-3.1-8B/bf16",
                                           "RTXPRO6000/Qwen/Qwen3-32B/bf16",
                                           "RTXPRO6000/Qwen/Qwen3-30B-A3B-Instruct-2507/bf16"));

TEST(BundleMeta, ATableLiesInItsBundle) {
  const testing::TempDir dir;
  EXPECT_THROW(static_cast<void>(read_bundle_meta(dir.write(
                   "meta.yaml",
                   "skew_fit: {enabled: true, per_tp: {1: {bucket_table: ../../secret.csv}}}\n"))),
               UserError);
}

}  // namespace
}  // namespace lockstep
