// The analytic model: its parts, its fit, and what holds for every GPU that ships.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "perf/operations/analytic_operations.hpp"
#include "perf/operations/coefficient_sets.hpp"
#include "perf/operations/factor_fit.hpp"
#include "perf/operations/operation_fit.hpp"
#include "perf/operations/operation_library.hpp"
#include "perf/operations/saturation.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

GpuCatalog catalog() {
  return GpuCatalog({testing::source_dir() / "hardware"});
}

TEST(OperationModel, BlendsAndWaves) {
  EXPECT_DOUBLE_EQ(blend_times(3, 4, 2), 5);
  EXPECT_DOUBLE_EQ(blend_times(0, 0, 2), 0);
  EXPECT_DOUBLE_EQ(paid_waves(0.2, 0.5), 1);
  EXPECT_DOUBLE_EQ(paid_waves(2.2, 0.5), 2.6);
}

// Times made by a model are found again by its fit, on sizes that it did not see.
TEST(OperationFit, FindsAModelsOwnTimes) {
  const OperationModel& model = collective_model();
  GpuLimits limits;
  limits.link = 450e3;
  OperationCoefficients truth = starting_coefficients(model);
  truth.values = {5.5, 1.4, 0.4, 0.3, 2.5};
  std::vector<OperationSample> samples;
  std::vector<OperationSample> unseen;
  std::size_t count = 0;
  for (const double ranks : {2.0, 4.0, 8.0}) {
    for (double bytes = 256; bytes < 2e9; bytes *= 1.5) {
      const Sizes sizes = {bytes, ranks};
      const OperationSample sample{sizes, model_micros(model, limits, truth, sizes), 0};
      (count++ % 4 == 3 ? unseen : samples).push_back(sample);
    }
  }
  const auto fitted = fit_operation(model, limits, samples, starting_coefficients(model));
  EXPECT_LT(fit_error(model, limits, fitted, unseen).median, 0.03);
  const auto again = fit_operation(model, limits, samples, starting_coefficients(model));
  EXPECT_EQ(fitted.values, again.values);
}

// A model of three sizes with a factor along the first one and a grid over the others.
const OperationModel& three_sizes() {
  static const OperationModel kModel = {
      "three_sizes",
      {{"rate", "us", 2, 0.1, 100}},
      {{"depth", {0, 4, 8}}, {"rows", {}}, {"columns", {}}},
      [](const GpuLimits&, std::span<const double> c, const Sizes&) { return c[0]; },
      [](const GpuLimits&, const Sizes& s, std::span<double> values) {
        for (std::size_t i = 0; i < 3; ++i) {
          values[i] = std::log2(s[i]);
        }
      },
      {{{{1, {0, 8}}, {2, {2, 3, 10}}}}}};
  return kModel;
}

TEST(Saturation, NamesItsFactors) {
  const OperationModel& model = three_sizes();
  ASSERT_EQ(term_count(model), 4U);
  EXPECT_EQ(term_size(model, 0), 3U);
  EXPECT_EQ(term_size(model, 1), 0U);
  EXPECT_EQ(term_size(model, 3), 6U);
  EXPECT_EQ(term_name(model, 3), "rows x columns");
  EXPECT_EQ(factor_name(model, 0, 1), "4");
  EXPECT_EQ(factor_name(model, 3, 1), "0 x 3");
  EXPECT_EQ(factor_name(model, 3, 5), "8 x 10");
}

/// At a knot of both sizes that knot's factor counts, in the middle of a cell its corners alike.
TEST(Saturation, IsLinearBetweenTheKnotsOfAGrid) {
  const OperationModel& model = three_sizes();
  OperationCoefficients fitted = starting_coefficients(model);
  fitted.factors[3] = {0.1, 0.2, 0.3, 0.5, 0.7, 1.1};
  const auto at = [&](double rows, double columns) {
    return saturation(model, {}, fitted, {1, std::exp2(rows), std::exp2(columns)});
  };
  EXPECT_DOUBLE_EQ(at(0, 3), 0.2);
  EXPECT_DOUBLE_EQ(at(8, 10), 1.1);
  EXPECT_DOUBLE_EQ(at(4, 2.5), (0.1 + 0.2 + 0.5 + 0.7) / 4);
  EXPECT_DOUBLE_EQ(at(20, 99), 1.1);
  std::vector<Touch> touches;
  const std::array<double, 3> values = {1, 3, 7};
  append_touches(model, values, touches);
  double sum = 0;
  double weight = 0;
  for (const Touch& touch : touches) {
    sum += touch.factor < 3 ? 0 : touch.weight * fitted.factors[3][touch.factor - 3];
    weight += touch.weight;
  }
  EXPECT_DOUBLE_EQ(sum, at(3, 7));
  EXPECT_DOUBLE_EQ(weight, 2);
}

/// A kernel four times as slow in one corner is found, and the factors that nothing needs are left
/// at 1.
TEST(FactorFit, FindsACornerAndDropsTheRest) {
  const OperationModel& model = three_sizes();
  OperationCoefficients truth = starting_coefficients(model);
  truth.factors[3][5] = std::log(4.0);
  std::vector<OperationSample> samples;
  for (double rows = 0; rows <= 8; rows += 0.5) {
    for (double columns = 2; columns <= 10; columns += 0.5) {
      const Sizes sizes = {std::exp2(static_cast<double>(samples.size() % 9)), std::exp2(rows),
                           std::exp2(columns)};
      const double jitter = samples.size() % 2 == 0 ? 1.01 : 0.99;
      samples.push_back({sizes, jitter * model_micros(model, {}, truth, sizes), 0});
    }
  }
  const GpuLimits limits;
  const FactorFit fit(model, limits, samples);
  OperationCoefficients fitted = starting_coefficients(model);
  fit.improve(fitted);
  fit.drop_idle(fitted, 1e-3);
  EXPECT_NEAR(fitted.factors[3][5], std::log(4.0), 0.05);
  EXPECT_THAT(fitted.factors[0], ::testing::Each(0.0));
  EXPECT_EQ(std::ranges::count(fitted.factors[3], 0.0), 5);
}

/// A model's time with its starting coefficients but for those named, on a GPU of 132
/// multiprocessors with 50 MB of L2.
double micros_with(const OperationModel& model,
                   const std::vector<std::pair<std::string_view, double>>& set,
                   const Sizes& sizes) {
  OperationCoefficients fitted = starting_coefficients(model);
  for (const auto& [name, value] : set) {
    const auto found = std::ranges::find(model.coefficients, name, &CoefficientSpec::name);
    fitted.values.at(static_cast<std::size_t>(found - model.coefficients.begin())) = value;
  }
  return model_micros(model, {132, 1e9, 3e6, 5e7, 1}, fitted, sizes);
}

/// FlashAttention 2: heads that share a key head are one job, and split; with a window they are
/// not.
TEST(AttentionModel, HeadsMayBeJobsOfTheirOwn) {
  const auto micros = [](const OperationModel& model, std::string_view name, double value,
                         const Sizes& sizes) {
    return micros_with(model, {{name, value}}, sizes);
  };
  const OperationModel& decodes = generation_attention_model();
  const auto decode = [](double window) -> Sizes { return {64, 4096, 32, 8, 128, window, 2, 1}; };
  EXPECT_EQ(micros(decodes, "alone", 1, decode(0)), micros(decodes, "alone", 0, decode(0)));
  EXPECT_GT(micros(decodes, "alone", 1, decode(128)),
            micros(decodes, "alone", 0, decode(128)) * 1.5);
  const OperationModel& prompts = context_attention_model();
  const auto prompt = [](double tokens) -> Sizes { return {64, tokens, 4096, 32, 8, 128, 0, 2}; };
  EXPECT_EQ(micros(prompts, "packed", 0, prompt(1)), micros(prompts, "packed", 1, prompt(1)));
  EXPECT_GT(micros(prompts, "packed", 0, prompt(16)),
            micros(prompts, "packed", 1, prompt(16)) * 1.5);
}

/// What was just made is read out of L2 while it fits there; keys of earlier steps never are.
TEST(AttentionModel, PromptsFallOutOfTheCache) {
  const auto micros = [](double cached_rate, double tokens, double behind) {
    return micros_with(
        context_attention_model(),
        {{"cached", cached_rate}, {"edge", 20}, {"memory", 0.05}, {"blend", 12}, {"launch", 0}},
        {16, tokens, behind, 8, 8, 128, 0, 2});
  };
  EXPECT_NEAR(micros(1, 128, 0) / micros(10, 128, 0), 10, 0.5) << "25 of 50 MB";
  EXPECT_NEAR(micros(1, 1024, 0) / micros(10, 1024, 0), 1, 0.01) << "201 of 50 MB";
  EXPECT_LT(micros(1, 64, 512) / micros(10, 64, 512), 1.4) << "most lies behind";
}

TEST(ExpertModel, TwoMatricesAreQuickerThanThree) {
  GpuCatalog gpus = catalog();
  const auto times = analytic_operations_for(gpus.find("H100"));
  GroupedExperts experts;
  experts.hidden = 2688;
  experts.intermediate = 1856;
  experts.experts = 128;
  experts.top_k = 6;
  for (const std::int64_t tokens : {16, 512, 8192}) {
    experts.tokens = tokens;
    experts.gated = true;
    const double three = times->experts(experts).micros;
    experts.gated = false;
    EXPECT_LT(times->experts(experts).micros, three * 0.9) << tokens;
  }
}

/// Older tables measured every shape with a gate.
TEST(CoefficientSets, KnowWhichExpertsHaveNoGate) {
  const CoefficientSet& set = coefficient_sets()[coefficient_set("experts bfloat16")];
  const auto matrices = [&](const char* version, std::int32_t hidden, std::int32_t width,
                            std::int32_t experts, std::int32_t top_k) {
    TableOrigin origin;
    origin.engine = "vllm";
    origin.version = version;
    const std::array<std::int32_t, 8> keys = {0, hidden, width, experts, top_k, 1, 1, 0};
    return row_sizes(set, origin, keys, 64)[8];
  };
  EXPECT_EQ(matrices("0.24.0", 2688, 1856, 128, 6), 1);
  EXPECT_EQ(matrices("0.24.0", 1024, 2688, 512, 22), 1);
  EXPECT_EQ(matrices("0.24.0", 2048, 768, 128, 8), 2);
  EXPECT_EQ(matrices("0.19.0", 2688, 1856, 128, 6), 2);
}

TEST(OperationFit, SaysErrorsByRank) {
  const FitError error = error_of({-0.3, 0.1, 0.0, 0.2, -0.1});
  EXPECT_DOUBLE_EQ(error.median, 0.1);
  EXPECT_DOUBLE_EQ(error.bias, 0.0);
  EXPECT_EQ(error.samples, 5U);
  EXPECT_EQ(error_of({}).samples, 0U);
}

TEST(CoefficientFile, ReadsBackWhatItWrote) {
  const testing::TempDir dir;
  const auto shipped = testing::source_dir() / "hardware" / "operations" / "H100.yaml";
  const CoefficientFile first = read_coefficient_file(shipped);
  const auto copy = dir.write("H100.yaml", coefficient_file_text(first));
  const CoefficientFile second = read_coefficient_file(copy);
  EXPECT_EQ(coefficient_file_text(second), coefficient_file_text(first));
  EXPECT_EQ(number_count(second), number_count(first));
}

/// A part that is fitted again replaces that part only.
TEST(CoefficientFile, KeepsWhatWasNotFittedAgain) {
  const CoefficientFile before =
      read_coefficient_file(testing::source_dir() / "hardware" / "operations" / "H100.yaml");
  CoefficientFile fitted{before.gpu, before.table, {}};
  FittedSet& part = fitted.sets["gemm fp8"] = before.sets.at("gemm fp8");
  part.date = "2099-01-01";
  part.rows = 7;
  keep_others(fitted, before);
  EXPECT_EQ(fitted.sets.size(), before.sets.size());
  EXPECT_EQ(fitted.sets.at("gemm fp8").rows, 7U);
  EXPECT_EQ(fitted.sets.at("gemm bfloat16").rows, before.sets.at("gemm bfloat16").rows);
  EXPECT_EQ(newest_fit(fitted), "2099-01-01");
  EXPECT_LT(newest_fit(before), newest_fit(fitted));
}

TEST(AnalyticOperations, EveryGpuAnswersEverySize) {
  GpuCatalog gpus = catalog();
  for (const std::string& name : gpus.names()) {
    const auto times = analytic_operations_for(gpus.find(name));
    const auto sound = [&](const OperationTime& time, std::string_view what) {
      EXPECT_TRUE(std::isfinite(time.micros) && time.micros > 0.1 && time.micros < 1e8)
          << name << " " << what << " " << time.micros;
    };
    for (int i = 0; i < kPrecisionCount; ++i) {
      const auto precision = static_cast<Precision>(i);
      for (const std::int64_t m : {1, 100, 8192}) {
        sound(times->gemm({m, 5120, 5120, precision}), "gemm");
        GroupedExperts experts;
        experts.tokens = m;
        experts.hidden = 2048;
        experts.intermediate = 768;
        experts.experts = 128;
        experts.top_k = 8;
        experts.precision = precision;
        sound(times->experts(experts), "experts");
      }
    }
    ContextAttention context;
    context.heads = {32, 8, 128, 0, false};
    context.new_tokens = 1000;
    context.cached_tokens = 500;
    sound(times->context_attention(context), "context");
    GenerationAttention generation;
    generation.heads = {28, 4, 80, 0, true};
    generation.batch = 100;
    generation.context = 3000;
    sound(times->generation_attention(generation), "generation");
    LatentAttention latent;
    latent.heads = 16;
    latent.batch = 64;
    latent.cached_tokens = 4000;
    latent.generation = true;
    sound(times->latent_module(latent), "latent module");
    sound(times->latent_attention(latent), "latent kernel");
    sound(times->latent_absorption({64, 16}), "absorption");
    sound(times->quantise({64, 4096, true}), "quantise");
    GatedDeltaNet net{1, 1000, 16, 32, 128, false};
    sound(times->delta_net(net), "delta net");
    sound(times->memory({1e6}), "memory");
    for (const CollectiveOp op : {CollectiveOp::all_reduce, CollectiveOp::vllm_all_reduce,
                                  CollectiveOp::all_gather, CollectiveOp::all_to_all}) {
      sound(times->collective({op, 1e6, 8, true}), "collective");
    }
  }
}

TEST(AnalyticOperations, MoreWorkTakesLonger) {
  GpuCatalog gpus = catalog();
  for (const char* name : {"H100", "B200", "A100", "L40S", "RTXPRO6000"}) {
    const auto times = analytic_operations_for(gpus.find(name));
    EXPECT_LT(times->gemm({64, 4096, 4096}).micros, times->gemm({8192, 4096, 4096}).micros);
    EXPECT_LT(times->gemm({64, 4096, 4096}).micros, times->gemm({64, 16384, 4096}).micros);
    ContextAttention context;
    context.heads = {32, 8, 128, 0, false};
    context.new_tokens = 512;
    const double alone = times->context_attention(context).micros;
    context.cached_tokens = 8192;
    EXPECT_GT(times->context_attention(context).micros, alone * 2);
    EXPECT_LT(times->collective({CollectiveOp::vllm_all_reduce, 1e4, 8, true}).micros,
              times->collective({CollectiveOp::vllm_all_reduce, 1e8, 8, true}).micros);
    EXPECT_EQ(times->collective({CollectiveOp::vllm_all_reduce, 1e4, 1, true}).micros, 0);
  }
}

TEST(AnalyticOperations, ReadsLargeWeightsAtMemorysPace) {
  GpuCatalog gpus = catalog();
  const auto times = analytic_operations_for(gpus.find("H100"));
  const double micros = times->gemm({1, 16384, 16384}).micros;
  const double floor = 2.0 * 16384 * 16384 / 3350e3;
  EXPECT_GT(micros, floor);
  EXPECT_LT(micros, floor * 1.4);
}

TEST(AnalyticOperations, KeysComeFromMemoryAtItsRateAtBest) {
  GpuCatalog gpus = catalog();
  for (const char* name : {"H100", "RTXPRO6000", "B200", "A10"}) {
    const auto gpu = gpus.find(name);
    const auto times = analytic_operations_for(gpu);
    for (const std::int64_t context : {1024, 16384, 131072}) {
      const double bytes = 256.0 * static_cast<double>(context) * 8 * 128 * 4;
      EXPECT_GE(times->generation_attention({{32, 8, 128, 0, false}, 256, context}).micros,
                bytes / (gpu->bandwidth * 1e3))
          << name;
    }
  }
}

// Bundles of vLLM 0.19 on RTX PRO 6000, 32 heads: behind 16,384 tokens 256 and 512 take 368 and
// 700 us, as 128 and 256 jobs of 64 queries lie on 188 multiprocessors once and twice.
TEST(AnalyticOperations, PromptsBehindCachedTokensTakeWholeWaves) {
  GpuCatalog gpus = catalog();
  const auto times = analytic_operations_for(gpus.find("RTXPRO6000"));
  const auto behind = [&](std::int64_t tokens) {
    return times->context_attention({{32, 8, 128, 0, false}, 1, tokens, 16384}).micros;
  };
  EXPECT_NEAR(behind(256), 368, 37);
  EXPECT_NEAR(behind(512), 700, 70);
}

TEST(AnalyticOperations, DecodesBesidePromptsCostTheirTiles) {
  GpuCatalog gpus = catalog();
  const auto times = analytic_operations_for(gpus.find("RTXPRO6000"));
  const ContextAttention prompt{{32, 8, 128, 0, false}, 1, 16, 16};
  const auto beside = [&](std::int64_t decodes, std::int64_t context, std::int64_t longest = 0) {
    return times->decodes_beside({prompt, prompt.new_tokens, decodes, context, longest}).micros;
  };
  EXPECT_EQ(beside(0, 1024), 0);
  // The same bundles; all but what the prompt takes alone, 8 us.
  EXPECT_NEAR(beside(1, 16384), 357, 54);
  EXPECT_NEAR(beside(32, 1024), 158, 24);
  EXPECT_NEAR(beside(64, 4096), 1430, 290);
  EXPECT_NEAR(beside(8, 1024, 16384), beside(1, 16384), 1) << "the longest is waited for";
  double before = 0;
  for (std::int64_t decodes = 1; decodes <= 256; ++decodes) {
    EXPECT_GE(beside(decodes, 2048), before * (1 - 1e-9)) << decodes;
    before = beside(decodes, 2048);
  }
}

TEST(AnalyticOperations, KinAnswerForGpusWithoutCoefficients) {
  GpuCatalog gpus = catalog();
  EXPECT_THAT(analytic_operations_for(gpus.find("A10"))->description(),
              ::testing::HasSubstr("L40S's coefficients"));
  EXPECT_THAT(analytic_operations_for(gpus.find("MI300X"))->description(),
              ::testing::HasSubstr("H100's coefficients"));
}

}  // namespace
}  // namespace lockstep
