#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.hpp"
#include "model/description/cache_size.hpp"
#include "model/description/parameter_count.hpp"
#include "model/description/read_description.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

class Description : public ::testing::Test {
protected:
  void SetUp() override {
    dir_ = std::filesystem::path(::testing::TempDir()) /
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  ModelDescription read(const std::string& text, const DescriptionOptions& options = {}) const {
    std::ofstream(dir_ / "config.json") << text;
    return read_description(dir_ / "config.json", "model", options);
  }
  UserError failure(const std::string& text) const {
    try {
      (void)read(text);
    } catch (const UserError& error) {
      return error;
    }
    ADD_FAILURE() << "accepted: " << text;
    return UserError("", {}, "");
  }
  static ModelDescription shipped(const std::string& name) {
    return find_description({testing::source_dir() / "configs" / "model"}, name);
  }
  static double billions(std::int64_t count) { return static_cast<double>(count) / 1e9; }

  std::filesystem::path dir_;
};

const std::string kSmall = R"({"model_type": "qwen3", "hidden_size": 64, "num_hidden_layers": 3,
  "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 128,
  "vocab_size": 100, "max_position_embeddings": 512)";

TEST_F(Description, CountsEveryWeightOfASmallModel) {
  const ModelDescription model = read(kSmall + "}");
  const std::int64_t layer = 64 * (128 + 32 + 32) + 128 * 64 + 3 * 64 * 128 + 2 * 64 + 2 * 16;
  EXPECT_EQ(count_parameters(model).total(), 2 * 100 * 64 + 3 * layer + 64);
  EXPECT_EQ(count_parameters(model).bytes().count(), 2 * count_parameters(model).total());
  EXPECT_EQ(cache_bytes_per_token(model).count(), 3 * 2 * 2 * 16 * 2);
  EXPECT_EQ(cache_bytes_per_token(model, 8).count(), 3 * 2 * 1 * 16 * 2) << "heads are repeated";
}

TEST_F(Description, TiedHeadCountsOnce) {
  const ModelDescription model = read(kSmall + R"(, "tie_word_embeddings": true})");
  EXPECT_EQ(count_parameters(read(kSmall + "}")).total() - count_parameters(model).total(),
            100 * 64);
}

TEST_F(Description, RanksShareTheMatricesAndRepeatTheNorms) {
  const ModelDescription model = shipped("Qwen/Qwen3-235B-A22B");
  const auto of = [&](const ParallelSplit& split) {
    return count_rank_parameters(model, split).total();
  };
  const std::int64_t all = of({});
  EXPECT_NEAR(billions(of(ParallelSplit::of(4, 1, false))), billions(all) / 4, 0.05);
  EXPECT_EQ(of(ParallelSplit::of(4, 1, true)), of(ParallelSplit::of(4, 1, false)));
  EXPECT_GT(of(ParallelSplit::of(1, 4, true)), of(ParallelSplit::of(4, 1, true)))
      << "data-parallel attention is held whole";
}

TEST_F(Description, FindsFoldersFilesAndNames) {
  (void)read(kSmall + "}");
  EXPECT_EQ(find_description({}, dir_.string()).hidden, 64);
  EXPECT_EQ(find_description({}, (dir_ / "config.json").string()).hidden, 64);
  EXPECT_EQ(shipped("openai/gpt-oss-20b").num_layers(), 24);
  EXPECT_THROW((void)find_description({dir_}, "owner/other"), UserError);
}

TEST_F(Description, NamesTheFieldThatIsMissingOrUnknown) {
  EXPECT_EQ(failure(R"({"model_type": "llama", "hidden_size": 64})").where().path,
            "num_hidden_layers");
  EXPECT_EQ(failure(R"({"model_type": "rwkv7"})").where().path, "model_type");
  EXPECT_EQ(failure("{}").where().path, "model_type");
  EXPECT_EQ(failure(R"({"model_type": "x", "text_config": {"model_type": "qwen3"}})").where().path,
            "text_config.num_hidden_layers");
  EXPECT_EQ(failure(kSmall + R"(, "torch_dtype": "int3"})").where().path, "torch_dtype");
  const UserError method =
      failure(kSmall + R"(, "quantization_config": {"quant_method": "bitsandbytes"}})");
  EXPECT_EQ(method.where().path, "quantization_config.quant_method");
}

TEST_F(Description, ReadsEachKindOfQuantisation) {
  const auto format = [&](const std::string& config) {
    return read(kSmall + R"(, "quantization_config": )" + config + "}")
        .layers.front()
        .kind.formats.mlp;
  };
  EXPECT_EQ(format(R"({"quant_method": "fp8"})"), (WeightFormat{WeightType::fp8, 0}));
  EXPECT_EQ(format(R"({"quant_method": "fp8", "weight_block_size": [128, 128]})"),
            (WeightFormat{WeightType::fp8_block, 16384}));
  EXPECT_EQ(format(R"({"quant_method": "awq", "bits": 4, "group_size": 128})"),
            (WeightFormat{WeightType::int4, 128}));
  EXPECT_EQ(format(R"({"quant_method": "modelopt", "quant_algo": "NVFP4"})"),
            (WeightFormat{WeightType::nvfp4, 16}));
  EXPECT_EQ(format(R"({"quant_method": "compressed-tensors", "config_groups": {"group_0":
    {"weights": {"type": "float", "num_bits": 8}}}})"),
            (WeightFormat{WeightType::fp8, 0}));
  EXPECT_EQ(WeightFormat({WeightType::nvfp4, 16}).bytes(1600).count(), 900);
}

TEST_F(Description, LayersThatStayInTheBaseTypeAreKeptApart) {
  const ModelDescription model = read(kSmall + R"(, "quantization_config": {"quant_method": "fp8",
    "modules_to_not_convert": ["lm_head", "model.layers.1.self_attn*", "re:layers\\.2\\.mlp"]}})");
  ASSERT_EQ(model.layers.size(), 3U);
  const auto formats = [&](std::size_t i) { return model.layers[i].kind.formats; };
  EXPECT_EQ(formats(0).attention_in.type, WeightType::fp8);
  EXPECT_EQ(formats(1).attention_out.type, WeightType::bfloat16);
  EXPECT_EQ(formats(1).mlp.type, WeightType::fp8);
  EXPECT_EQ(formats(2).mlp.type, WeightType::bfloat16);
}

TEST_F(Description, QuantisationMayLieBeside) {
  std::ofstream(dir_ / "hf_quant_config.json")
      << R"({"quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8",
             "exclude_modules": ["lm_head"]}})";
  const ModelDescription model = read(kSmall + "}");
  EXPECT_EQ(model.layers.front().kind.formats.mlp.type, WeightType::fp8);
  EXPECT_TRUE(model.fp8_cache);
  EXPECT_FALSE(read(kSmall + "}", {.kv_cache_dtype = "bfloat16"}).fp8_cache);
}

TEST_F(Description, FlagsChooseTypes) {
  EXPECT_EQ(read(kSmall + "}", {.dtype = "float16"}).base.type, WeightType::float16);
  EXPECT_EQ(read(kSmall + R"(, "torch_dtype": "float32"})").base.type, WeightType::bfloat16)
      << "as vLLM does";
  EXPECT_EQ(read(kSmall + "}", {.dtype = "fp8"}).layers.front().kind.formats.mlp.type,
            WeightType::fp8);
  EXPECT_THROW((void)read(kSmall + "}", {.dtype = "int2"}), UserError);
}

TEST_F(Description, GptOssAlternatesWindowsAndStoresExpertsInFourBits) {
  const ModelDescription model = shipped("openai/gpt-oss-120b");
  ASSERT_EQ(model.layers.size(), 2U);
  EXPECT_EQ(std::get<HeadAttention>(model.layers[0].kind.mixer).window, 128);
  EXPECT_EQ(std::get<HeadAttention>(model.layers[1].kind.mixer).window, 0);
  EXPECT_EQ(model.layers[0].kind.formats.experts.type, WeightType::mxfp4);
  EXPECT_EQ(model.layers[0].kind.formats.attention_in.type, WeightType::bfloat16);
}

TEST_F(Description, DeepSeekHoldsOneLatentVectorAToken) {
  const ModelDescription model = shipped("deepseek-ai/DeepSeek-V3");
  EXPECT_EQ(cache_bytes_per_token(model).count(), 61 * 576 * 2);
  EXPECT_EQ(cache_bytes_per_token(model, 8).count(), 61 * 576 * 2);
  EXPECT_NEAR(billions(count_prediction_parameters(model)), 11.6, 0.05);
}

// Gemma 3's published configs leave out what equals the class's defaults.
TEST_F(Description, GemmaThreeFillsItsDefaultsIn) {
  const ModelDescription model = read(R"({"model_type": "gemma3", "text_config": {
    "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
    "num_hidden_layers": 34, "sliding_window": 1024}})");
  EXPECT_NEAR(billions(count_parameters(model).total()), 3.88, 0.01);  // 4.30 with its vision tower
}

TEST_F(Description, ShippedConfigsCountWhatTheirMakersPublish) {
  const std::vector<std::pair<const char*, double>> models = {
      {"meta-llama/Llama-3.1-8B", 8.03},
      {"meta-llama/Llama-3.1-70B", 70.6},
      {"meta-llama/Llama-3.1-405B", 405.9},
      {"Qwen/Qwen3-8B", 8.19},
      {"Qwen/Qwen3-32B", 32.8},
      {"Qwen/Qwen3-235B-A22B", 235},
      {"Qwen/Qwen3-30B-A3B-Instruct-2507", 30.5},
      {"mistralai/Mixtral-8x7B-v0.1", 46.7},
      {"openai/gpt-oss-20b", 20.9},
      {"openai/gpt-oss-120b", 116.8},
      {"deepseek-ai/DeepSeek-V3", 671},
      {"deepseek-ai/DeepSeek-R1", 671}};
  for (const auto& [name, published] : models) {
    const double counted = billions(count_parameters(shipped(name)).total());
    EXPECT_NEAR(counted, published, published / 100) << name;
  }
}

struct Published {
  const char* file;
  double total, active;
};

// Published figures; where those leave parts out (vision towers, the input embedding) the counts
// from the same configs, of which one is a rounding of the other, stand here.
TEST(DescriptionConformance, AllConfigsCountWithinOnePerCent) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const std::filesystem::path dir = reference.parent_path() / "models";
  if (!std::filesystem::is_directory(dir)) {
    GTEST_SKIP() << "no model configs beside the reference data";
  }
  const std::vector<Published> all = {
      {"meta-llama--Meta-Llama-3.1-8B", 8.03, 8.03},
      {"meta-llama--Meta-Llama-3.1-70B", 70.6, 70.6},
      {"meta-llama--Meta-Llama-3.1-405B", 405.9, 405.9},
      {"nvidia--Llama-3.1-70B-Instruct-FP8", 70.6, 70.6},
      {"Qwen--Qwen3-8B", 8.19, 8.19},
      {"Qwen--Qwen3-32B", 32.8, 32.8},
      {"Qwen--Qwen3-32B-FP8", 32.8, 32.8},
      {"Qwen--Qwen3-30B-A3B", 30.5, 3.35},
      {"Qwen--Qwen3-30B-A3B-FP8", 30.5, 3.35},
      {"Qwen--Qwen3-235B-A22B", 235, 22},
      {"Qwen--Qwen3-235B-A22B-FP8", 235, 22},
      {"Qwen--Qwen3-Coder-480B-A35B-Instruct", 480, 35.47},
      {"Qwen--Qwen3.5-35B-A3B", 35, 3.455},
      {"Qwen--Qwen3.5-397B-A17B", 397, 17.35},
      {"openai--gpt-oss-20b", 20.9, 4.19},
      {"openai--gpt-oss-120b", 116.8, 5.71},
      {"deepseek-ai--DeepSeek-V3", 671, 37.55},
      {"deepseek-ai--DeepSeek-R1", 671, 37.55},
      {"deepseek-ai--DeepSeek-V3.2", 671.88, 38.40},
      {"moonshotai--Kimi-K2-Instruct", 1026.4, 32.6},
      {"moonshotai--Kimi-K2.5", 1026.4, 32.6},
      {"nvidia--Kimi-K2.5-NVFP4", 1026.4, 32.6},
      {"MiniMaxAI--MiniMax-M2.5", 230, 11.03},
      {"nvidia--MiniMax-M2.5-NVFP4", 230, 11.03},
      {"mistralai--Mixtral-8x7B-v0.1", 46.7, 12.9},
      {"mistralai--Mixtral-8x22B-v0.1", 141, 39},
      {"meta-llama--Llama-4-Scout-17B-16E-Instruct", 107.77, 17.17},
      {"meta-llama--Llama-4-Maverick-17B-128E-Instruct", 400, 17.18},
      {"google--gemma-4-26B-A4B", 25.2, 3.82},
      {"nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31.6, 3.58},
      {"stepfun-ai--Step-3.7-Flash", 196, 10.86},
      {"zai-org--GLM-5", 744, 41.8},
      {"zai-org--GLM-5-FP8", 744, 41.8}};
  for (const Published& published : all) {
    const auto model =
        read_description(dir / (std::string(published.file) + ".json"), published.file);
    const ParameterCount count = count_parameters(model);
    const auto near = [&](double counted, double expected) {
      return std::abs(counted / 1e9 / expected - 1) <= 0.01;
    };
    EXPECT_TRUE(near(static_cast<double>(count.total()), published.total)) << published.file;
    EXPECT_TRUE(near(static_cast<double>(count.active()), published.active)) << published.file;
  }
}

TEST(DescriptionConformance, CheckpointsKeepWhatTheirListsName) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const std::filesystem::path dir = reference.parent_path() / "models";
  if (!std::filesystem::is_directory(dir)) {
    GTEST_SKIP() << "no model configs beside the reference data";
  }
  const auto experts_of = [&](const std::string& name) {
    return read_description(dir / (name + ".json"), name).layers.back().kind.formats;
  };
  const LayerFormats int4 = experts_of("moonshotai--Kimi-K2.5");
  EXPECT_EQ(int4.experts.type, WeightType::int4);
  EXPECT_EQ(int4.shared.type, WeightType::bfloat16);
  const LayerFormats kimi = experts_of("nvidia--Kimi-K2.5-NVFP4");
  EXPECT_EQ(kimi.experts.type, WeightType::nvfp4);
  EXPECT_EQ(kimi.shared.type, WeightType::nvfp4);
  EXPECT_EQ(kimi.attention_in.type, WeightType::bfloat16);
  const LayerFormats minimax = experts_of("nvidia--MiniMax-M2.5-NVFP4");
  EXPECT_EQ(minimax.experts.type, WeightType::nvfp4);
  EXPECT_EQ(minimax.attention_out.type, WeightType::bfloat16);
  EXPECT_EQ(experts_of("zai-org--GLM-5-FP8").attention_in.type, WeightType::fp8_block);
  EXPECT_EQ(experts_of("nvidia--Llama-3.1-70B-Instruct-FP8").mlp.type, WeightType::fp8);
}

/// Expressions come with the checkpoint: whatever they are, they are answered, and soon.
TEST_F(Description, RefusesModulesThatCannotBeFollowed) {
  const auto config = [](const std::string& pattern) {
    return R"({"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2,
      "num_attention_heads": 8, "intermediate_size": 128, "vocab_size": 100,
      "max_position_embeddings": 512,
      "quantization_config": {"quant_method": "fp8", "ignored_layers": [")" +
           pattern + R"("]}})";
  };
  for (const std::string& pattern :
       {std::string(R"(re:mlp\\)"), std::string("re:["), "re:" + std::string(2000, '('),
        "*" + std::string(2000, 'a')}) {
    const UserError error = failure(config(pattern));
    EXPECT_THAT(error.problem(), HasSubstr("cannot be followed"));
    EXPECT_EQ(error.where().path, "quantization_config.ignored_layers");
  }
  EXPECT_EQ(read(config("re:(((.*)*)*)*x")).layers.size(), 1U);
}

}  // namespace
}  // namespace lockstep
