#include "model/model_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <tuple>

#include "base/error.hpp"
#include "model/data_type.hpp"
#include "model/models.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

class ModelConfigFile : public ::testing::Test {
protected:
  void SetUp() override {
    dir_ = std::filesystem::path(::testing::TempDir()) /
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(dir_ / "owner");
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  std::filesystem::path write(const std::string& text) const {
    std::ofstream(dir_ / "owner" / "Model-1.json") << text;
    return dir_ / "owner" / "Model-1.json";
  }
  ModelConfig read(const std::string& extra) const {
    return read_model_config(
        write(R"({"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 8,
                  "vocab_size": 100, "max_position_embeddings": 512)" +
              extra + "}"),
        "owner/Model-1");
  }
  UserError failure(const std::string& extra) const {
    try {
      (void)read(extra);
    } catch (const UserError& error) {
      return error;
    }
    ADD_FAILURE() << "accepted: " << extra;
    return UserError("", {}, "");
  }

  std::filesystem::path dir_;
};

TEST_F(ModelConfigFile, AbsentFieldsFallBack) {
  const ModelConfig model = read(R"(, "ffn_dim": 256)");
  EXPECT_EQ(model.name, "owner/Model-1");
  EXPECT_EQ(model.model_type, "");
  EXPECT_EQ(model.torch_dtype, std::nullopt);
  EXPECT_EQ(model.num_key_value_heads, 8);
  EXPECT_EQ(model.head_dim, 8);
  EXPECT_EQ(model.intermediate_size, 256);
  EXPECT_EQ(model.moe_intermediate_size, 256);
  EXPECT_FALSE(model.has_expert_key);
  EXPECT_EQ(model.num_experts_per_tok, 1);
}

TEST_F(ModelConfigFile, GivenFieldsWin) {
  const ModelConfig model = read(
      R"(, "intermediate_size": 128, "ffn_dim": 256, "head_dim": 16, "num_key_value_heads": 2,
         "moe_intermediate_size": 32, "num_experts": 4, "num_experts_per_tok": 2,
         "torch_dtype": "float16", "model_type": "qwen3_moe", "tie_word_embeddings": true)");
  EXPECT_EQ(model.intermediate_size, 128);
  EXPECT_EQ(model.kv_dim(), 32);
  EXPECT_EQ(model.moe_intermediate_size, 32);
  EXPECT_EQ(model.num_experts, 4);
  EXPECT_EQ(model.torch_dtype, "float16");
}

TEST_F(ModelConfigFile, AnExpertKeyOfZeroIsPresentButNotTrue) {
  const ModelConfig model =
      read(R"(, "intermediate_size": 128, "num_local_experts": 0, "num_experts": 8)");
  EXPECT_TRUE(model.has_expert_key);
  EXPECT_FALSE(model.has_experts());
}

TEST_F(ModelConfigFile, ErrorsNameFileAndField) {
  EXPECT_EQ(failure("").where().path, "intermediate_size");
  const UserError text = failure(R"(, "intermediate_size": "big")");
  EXPECT_EQ(text.where().path, "intermediate_size");
  EXPECT_THAT(text.where().file, HasSubstr("Model-1.json"));
  EXPECT_THAT(text.problem(), HasSubstr("big"));
  EXPECT_EQ(failure(R"(, "intermediate_size": 1, "head_dim": 0)").where().path, "head_dim");
  EXPECT_EQ(failure(R"(, "intermediate_size": 1, "num_key_value_heads": null)").where().path,
            "num_key_value_heads");
  EXPECT_EQ(failure(R"(, "intermediate_size": 1.5)").where().path, "intermediate_size");
  EXPECT_EQ(failure(R"(, "intermediate_size": 18446744073709551615)").where().path,
            "intermediate_size");
  EXPECT_EQ(failure(R"(, "intermediate_size": 1, "num_experts": -1)").where().path, "num_experts");
  EXPECT_THROW((void)read_model_config(write("{"), "x"), UserError);
  EXPECT_THROW((void)read_model_config(write("[]"), "x"), UserError);
  EXPECT_THROW((void)read_model_config(dir_ / "none.json", "x"), UserError);
}

TEST_F(ModelConfigFile, ImplausiblyLargeModelsAreRefused) {
  EXPECT_THAT(failure(R"(, "intermediate_size": 16777216, "num_experts": 16777216)").problem(),
              HasSubstr("10^15"));
}

TEST_F(ModelConfigFile, MissingModelsGetNearNames) {
  write("{}");
  try {
    (void)find_model_config({dir_}, "owner/model_1");
    FAIL() << "found";
  } catch (const UserError& error) {
    EXPECT_THAT(error.problem(), HasSubstr((dir_ / "owner/model_1.json").string()));
    EXPECT_THAT(error.mend(), HasSubstr("did you mean owner/Model-1?"));
  }
  try {
    (void)find_model_config({dir_ / "absent", dir_}, "quite/different");
    FAIL() << "found";
  } catch (const UserError& error) {
    EXPECT_THAT(error.mend(), ::testing::Not(HasSubstr("did you mean")));
  }
}

TEST(DataTypes, NamesBytesVariants) {
  EXPECT_EQ(variant_name(DataType::bfloat16, KvCacheType::automatic), "bf16");
  EXPECT_EQ(variant_name(DataType::bfloat16, KvCacheType::fp8), "bf16-kvfp8");
  EXPECT_EQ(variant_name(DataType::fp8, KvCacheType::fp8), "fp8-kvfp8");
  EXPECT_EQ(variant_name(DataType::float32, KvCacheType::automatic), "fp32");
  EXPECT_EQ(bytes_per_element(DataType::float32), 4);
  EXPECT_EQ(kv_bytes_per_element(DataType::float32, KvCacheType::fp8), 1);
  EXPECT_EQ(kv_bytes_per_element(DataType::int8, KvCacheType::automatic), 1);
  EXPECT_EQ(data_type_from_name("float16"), DataType::float16);
  EXPECT_EQ(data_type_from_name("bf16"), std::nullopt);
  EXPECT_EQ(data_type_name(DataType::int8), "int8");
}

constexpr const char* kShipped[] = {"meta-llama/Llama-3.1-8B",
                                    "meta-llama/Llama-3.1-70B",
                                    "Qwen/Qwen3-32B",
                                    "Qwen/Qwen3-30B-A3B-Instruct-2507",
                                    "mistralai/Mixtral-8x7B-v0.1",
                                    "microsoft/Phi-mini-MoE-instruct"};

TEST(ShippedModels, AreReadable) {
  for (const char* name : kShipped) {
    EXPECT_EQ(testing::shipped_model(name).torch_dtype, "bfloat16");
    EXPECT_NE(testing::shipped_model(name).model_type, "");
  }
}

TEST(ShippedModelsReference, SayTheSameAsThePublishedOnes) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  for (const char* name : kShipped) {
    SCOPED_TRACE(name);
    const ModelConfig& ours = testing::shipped_model(name);
    const ModelConfig theirs = find_model_config({dir / "configs" / "model"}, name);
    const auto facts = [](const ModelConfig& m) {
      return std::tuple(m.model_type, m.torch_dtype, m.hidden_size, m.num_hidden_layers, m.q_dim(),
                        m.kv_dim(), m.head_dim, m.intermediate_size, m.moe_intermediate_size,
                        m.vocab_size, m.max_position_embeddings, m.has_expert_key, m.num_experts,
                        m.num_experts_per_tok);
    };
    EXPECT_EQ(facts(ours), facts(theirs));
  }
}

TEST_F(ModelConfigFile, RefusesWhatIsNestedTooDeeply) {
  const std::string deep = std::string(300'000, '[') + std::string(300'000, ']');
  EXPECT_THAT(failure(", \"num_experts\": " + deep).problem(), HasSubstr("nested deeper than"));
}

}  // namespace
}  // namespace lockstep
