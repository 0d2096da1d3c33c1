#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::instance_of;
using testing::only;
using testing::small_model;
using testing::TempDir;

// A bundle whose qkv_proj takes `micros`, whatever the tokens.
void write_bundle(const TempDir& dir, const std::string& folder, double micros,
                  const std::string& meta = "hardware: GPU\n") {
  const std::string variant = folder.substr(0, folder.rfind("/tp"));
  dir.write(variant + "/meta.yaml", meta);
  dir.write(folder + "/dense.csv", "layer,tokens,time_us\nqkv_proj,1," + std::to_string(micros) +
                                       "\nlayernorm,1," + std::to_string(micros) + "\n");
}

std::string refusal_of_library(KernelTimeLibrary& library, const Instance& instance) {
  try {
    (void)library.times_for(instance);
  } catch (const UserError& error) {
    EXPECT_FALSE(error.mend().empty());
    return error.what();
  }
  return "accepted";
}

TEST(KernelTimeLibrary, TheFirstRootThatHasTheDegreeWins) {
  const TempDir first, second;
  write_bundle(first, "GPU/owner/model/bf16/tp1", 1);
  write_bundle(second, "GPU/owner/model/bf16/tp1", 2);
  write_bundle(second, "GPU/owner/model/bf16/tp2", 3);
  KernelTimeLibrary library(
      {.roots = {"no/such/folder", first.path(), second.path()}, .allow_analytic = false});
  const auto one = library.times_for(instance_of("GPU", small_model()));
  EXPECT_EQ(one->dense(Layer::qkv_proj, 5).time, Nanos{1000});
  EXPECT_THAT(one->description(), HasSubstr(first.path().string()));
  const auto two = library.times_for(instance_of("GPU", small_model(), 2));
  EXPECT_EQ(two->dense(Layer::qkv_proj, 5).time, Nanos{3000});
  EXPECT_EQ(two->dense(Layer::layernorm, 5).time, Nanos{2000});  // the same at any degree: tp1's
  EXPECT_EQ(library.times_for(instance_of("GPU", small_model())), one);
}

TEST(KernelTimeLibrary, OnlyTheNeededDegreeMustExistAndAbsentLayersAreKnown) {
  const TempDir dir;
  write_bundle(dir, "GPU/owner/model/bf16/tp4", 4);
  KernelTimeLibrary library(only(dir.path()));
  const auto times = library.times_for(instance_of("GPU", small_model(), 4));
  EXPECT_TRUE(times->has(Layer::qkv_proj));
  EXPECT_TRUE(times->has(Layer::layernorm));
  for (const Layer layer : {Layer::o_proj, Layer::attention, Layer::moe, Layer::lm_head}) {
    EXPECT_FALSE(times->has(layer));
  }
  EXPECT_THROW((void)times->dense(Layer::o_proj, 1), UserError);
  EXPECT_THROW((void)times->per_sequence(Layer::lm_head, 1), UserError);
  EXPECT_THROW((void)times->attention({}), UserError);
  EXPECT_THROW((void)times->moe(1, 1), UserError);
}

TEST(KernelTimeLibrary, SaysWhatIsMissingAndWhatIsThere) {
  const TempDir dir;
  write_bundle(dir, "GPU/owner/model/bf16/tp1", 1);
  write_bundle(dir, "GPU/owner/model/bf16/tp2", 1);
  write_bundle(dir, "GPU/owner/other/fp8/tp1", 1);
  KernelTimeLibrary library(only(dir.path()));
  const std::string root = dir.path().string();
  EXPECT_THAT(refusal_of_library(library, instance_of("GPU", small_model(), 4)),
              AllOf(HasSubstr("no tp4 in " + root + "/GPU/owner/model/bf16"),
                    HasSubstr("present: tp1, tp2")));
  Instance wide = instance_of("GPU", small_model());
  wide.dtype = DataType::float32;
  EXPECT_THAT(refusal_of_library(library, wide),
              AllOf(HasSubstr("no variant fp32 under " + root + "/GPU/owner/model"),
                    HasSubstr("present: bf16")));
  EXPECT_THAT(refusal_of_library(library, instance_of("GPU", small_model("owner/modle"))),
              AllOf(HasSubstr("no model owner/modle"), HasSubstr("owner/model, owner/other")));
  EXPECT_THAT(refusal_of_library(library, instance_of("TPU", small_model())),
              AllOf(HasSubstr("no hardware TPU"), HasSubstr("present: GPU")));
  KernelTimeLibrary nowhere(only(dir.path() / "absent"));
  EXPECT_THAT(refusal_of_library(nowhere, instance_of("GPU", small_model())),
              HasSubstr("none of the folders for bundles exists"));
}

TEST(KernelTimeLibrary, RefusesABundleWithoutMeta) {
  const TempDir dir;
  dir.write("GPU/owner/model/bf16/tp1/dense.csv", "layer,tokens,time_us\n");
  KernelTimeLibrary library(only(dir.path()));
  EXPECT_THAT(refusal_of_library(library, instance_of("GPU", small_model())),
              HasSubstr("no meta.yaml"));
}

TEST(KernelTimeLibrary, WarnsOnceOfLimitsAboveTheProfile) {
  const TempDir dir;
  const std::string meta = "engine_effective: {max_num_batched_tokens: 2048, max_num_seqs: 256}\n";
  write_bundle(dir, "GPU/owner/model/bf16/tp1", 1, meta);
  write_bundle(dir, "GPU/owner/silent/bf16/tp1", 1, meta);
  KernelTimeLibrary library(only(dir.path()));
  Instance instance = instance_of("GPU", small_model());
  instance.max_num_batched_tokens = 4096;
  instance.max_num_seqs = 0;
  (void)library.times_for(instance);
  (void)library.times_for(instance);
  Instance silent = instance_of("GPU", small_model("owner/silent"));
  (void)library.times_for(silent);  // within the limits: nothing now, nor later
  silent.max_num_seqs = 999;
  (void)library.times_for(silent);
  EXPECT_THAT(
      library.warnings(),
      ElementsAre("max-num-batched-tokens=4096 exceeds profiled 2048 for GPU/owner/model/bf16; "
                  "attention/dense lookups will extrapolate",
                  "max-num-seqs=inf exceeds profiled 256 for GPU/owner/model/bf16; per-sequence "
                  "lookups will extrapolate"));
}

TEST(PerfSources, SearchOrder) {
  const TempDir given;
  RunOptions options;
  options.perf_dir = given.path().string();
  ASSERT_EQ(setenv("LOCKSTEP_PERF_DIR", "/from/environment", 1), 0);
  const PerfSources sources = perf_sources(options);
  ASSERT_EQ(unsetenv("LOCKSTEP_PERF_DIR"), 0);
  ASSERT_GE(sources.roots.size(), 3U);
  EXPECT_EQ(sources.roots[0], given.path());
  EXPECT_EQ(sources.roots[1], "/from/environment");
  EXPECT_EQ(sources.roots[2], "profiler/perf");
  EXPECT_TRUE(sources.allow_analytic);
  options.strict = true;
  EXPECT_FALSE(perf_sources(options).allow_analytic);
  options.perf_dir = given.path() / "absent";
  EXPECT_THROW((void)perf_sources(options), UserError);
}

}  // namespace
}  // namespace lockstep
