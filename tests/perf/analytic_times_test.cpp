#include "perf/analytic_times.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "perf/roofline.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using testing::instance_of;
using testing::small_model;

GpuCatalog catalog() {
  return GpuCatalog({testing::source_dir() / "hardware"});
}

AnalyticTimes times_on(const std::string& hardware, std::int64_t tp = 1) {
  ModelConfig model = small_model();
  model.num_experts = 8;
  model.num_experts_per_tok = 2;
  return {catalog().find(hardware), model, tp, DataType::bfloat16, KvCacheType::automatic};
}

AttentionShape even(std::int64_t chunk, std::int64_t cached, std::int64_t decodes,
                    std::int64_t kv) {
  return {chunk, cached, decodes, kv, kv, kv};
}

TEST(GpuCatalog, FindsNamesInsideNames) {
  GpuCatalog gpus = catalog();
  EXPECT_EQ(gpus.find("H100")->name, "H100");
  EXPECT_EQ(gpus.find("NVIDIA-h100-sxm")->name, "H100");
  EXPECT_EQ(gpus.find("rtx pro 6000")->name, "RTXPRO6000");
  EXPECT_EQ(gpus.find("TPU-v6e")->name, "TPUv6e");
  EXPECT_EQ(gpus.find("gb200")->name, "GB200");
  EXPECT_EQ(gpus.find("a100_sxm")->name, "A100");
  EXPECT_EQ(gpus.find("Cerebras"), nullptr);
  EXPECT_THAT(gpus.known(), HasSubstr("A10, A100, A6000, B200, B300, B60"));
}

TEST(GpuCatalog, EveryFileIsPlausible) {
  GpuCatalog gpus = catalog();
  for (const auto& entry :
       std::filesystem::directory_iterator(testing::source_dir() / "hardware")) {
    if (!entry.is_regular_file()) {
      continue;
    }
    const GpuFacts gpu = read_gpu_facts(entry.path());
    EXPECT_EQ(gpu.name, entry.path().stem());
    EXPECT_GE(gpu.peak(DataType::fp8), gpu.peak(DataType::bfloat16)) << gpu.name;
    EXPECT_LT(gpu.coefficients.gemm_compute, 1.01);
    EXPECT_FALSE(gpu.fit_date.empty());
  }
}

/// Where the tiles fill all multiprocessors, whole waves are no more than what was asked for.
TEST(Roofline, FullWavesCostNothingMore) {
  GpuFacts gpu;
  gpu.multiprocessors = 4;
  gpu.peak_tflops.fill(1);
  gpu.bandwidth = 1e6;
  gpu.coefficients.gemm_launch = 0;
  gpu.coefficients.gemm_bandwidth = 1;
  gpu.coefficients.gemm_compute = 1;
  gpu.coefficients.gemm_tile = 1;
  gpu.coefficients.gemm_blend = 4;
  const auto micros = [&](double wave, double columns) {
    gpu.coefficients.gemm_wave = wave;
    return gemm_micros(gpu, {128, 4096, columns}, DataType::bfloat16);
  };
  EXPECT_DOUBLE_EQ(micros(1, 4 * 128), micros(0, 4 * 128));
  EXPECT_GT(micros(1, 5 * 128), 1.5 * micros(0, 5 * 128));
}

TEST(GpuFacts, RefusesAFileWithoutItsFacts) {
  const testing::TempDir dir;
  EXPECT_THROW((void)read_gpu_facts(dir.write("X.yaml", "name: X\n")), UserError);
  EXPECT_THROW((void)read_gpu_facts(dir.write("Y.yaml", "name: Y\ndatasheet:\n  power_w: -1\n")),
               UserError);
}

TEST(AnalyticTimes, PositiveAndNeverFasterWithMoreTokens) {
  for (const char* hardware : {"RTXPRO6000", "RTX4090", "H100", "A100"}) {
    const AnalyticTimes times = times_on(hardware, 2);
    for (const Layer layer : {Layer::embedding, Layer::layernorm, Layer::qkv_proj, Layer::qk_norm,
                              Layer::rotary_emb, Layer::o_proj, Layer::gate_up_proj, Layer::act_fn,
                              Layer::down_proj, Layer::lm_head, Layer::sampler}) {
      Nanos last{1};
      for (std::int64_t tokens = 0; tokens < 3000; tokens += 1 + tokens / 8) {
        const KernelTime t = times.dense(layer, tokens);
        EXPECT_GE(t.time, last) << hardware << " " << layer_name(layer) << " " << tokens;
        EXPECT_EQ(t.source, TimeSource::analytic);
        last = t.time;
      }
      EXPECT_GT(last, times.dense(layer, 1).time);
    }
  }
}

TEST(AnalyticTimes, AttentionGrowsWithEverySize) {
  const AnalyticTimes times = times_on("RTXPRO6000");
  const auto at = [&](std::int64_t chunk, std::int64_t cached, std::int64_t n, std::int64_t kv) {
    return times.attention(even(chunk, cached, n, kv)).time;
  };
  for (std::int64_t x = 64; x < 8192; x *= 2) {
    EXPECT_LE(at(x, 0, 0, 0), at(2 * x, 0, 0, 0)) << x;
    EXPECT_LE(at(512, x, 0, 0), at(512, 2 * x, 0, 0)) << x;
    EXPECT_LE(at(0, 0, 16, x), at(0, 0, 16, 2 * x)) << x;
    EXPECT_LE(at(256, 0, 16, x), at(256, 0, 16, 2 * x)) << x;
    EXPECT_LE(at(256, 0, x / 32, 1024), at(256, 0, x / 16, 1024)) << x;
  }
  EXPECT_GT(times.attention({}).time, Nanos{0});
}

TEST(AnalyticTimes, OneLongContextHoldsUpABatchWithAPrefill) {
  const AnalyticTimes times = times_on("RTXPRO6000");
  EXPECT_GT(times.attention({16, 0, 4, 1000, 4000, 0}).time,
            times.attention(even(16, 0, 4, 1000)).time);
}

TEST(AnalyticTimes, ExpertsAndTokensCost) {
  const AnalyticTimes times = times_on("RTXPRO6000");
  EXPECT_LT(times.moe(1, 2).time, times.moe(1, 8).time);
  EXPECT_LT(times.moe(64, 8).time, times.moe(4096, 8).time);
  EXPECT_TRUE(times.has(Layer::moe));
}

// The 8-billion Llama's measured times, as single figures (microseconds).
TEST(AnalyticTimes, CloseToMeasuredFigures) {
  const AnalyticTimes times = times_on("RTXPRO6000");
  const auto near = [](KernelTime got, double micros, double tolerance) {
    EXPECT_NEAR(static_cast<double>(got.time.count()) / 1e3, micros, micros * tolerance);
  };
  near(times.dense(Layer::gate_up_proj, 1), 159.5, 0.10);
  near(times.dense(Layer::gate_up_proj, 2048), 1152.8, 0.10);
  near(times.dense(Layer::down_proj, 512), 180.4, 0.15);
  near(times.per_sequence(Layer::lm_head, 64), 715.6, 0.10);
  near(times.attention(even(0, 0, 64, 2048)), 397.7, 0.15);
  near(times.attention(even(2048, 4096, 0, 0)), 665.4, 0.15);
  near(times.attention(even(256, 1024, 64, 4096)), 1449.6, 0.20);
}

TEST(AnalyticTimes, SaysHowFarItIsOff) {
  EXPECT_THAT(times_on("RTXPRO6000").description(), HasSubstr("median (p90) error"));
  EXPECT_THAT(times_on("H100").description(), HasSubstr("coefficients of RTXPRO6000"));
}

TEST(AnalyticTimes, LibraryFallsBackWithAWarningAndNamesKnownHardware) {
  const testing::TempDir dir;
  KernelTimeLibrary library({.roots = {dir.path()}, .allow_analytic = true});
  const auto times = library.times_for(instance_of("H100", small_model()));
  EXPECT_EQ(times, library.times_for(instance_of("H100", small_model())));
  ASSERT_EQ(library.warnings().size(), 1U);
  EXPECT_THAT(library.warnings()[0], HasSubstr("no measured kernel times for H100"));
  try {
    (void)library.times_for(instance_of("Abacus", small_model()));
    ADD_FAILURE() << "accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("Abacus"), HasSubstr("RTXPRO6000")));
  }
  KernelTimeLibrary strict(testing::only(dir.path()));
  EXPECT_THROW((void)strict.times_for(instance_of("H100", small_model())), UserError);
}

}  // namespace
}  // namespace lockstep
