#include "model/architecture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Architecture, DenseFamily) {
  const Architecture& llama = architecture_for("llama");
  EXPECT_THAT(llama.pre_attn,
              ElementsAre(Layer::layernorm, Layer::qkv_proj, Layer::rotary_emb, Layer::attention));
  EXPECT_THAT(llama.mlp_dense, ElementsAre(Layer::gate_up_proj, Layer::act_fn, Layer::down_proj));
  EXPECT_THAT(llama.mlp_moe, IsEmpty());
  EXPECT_EQ(llama.category(Layer::lm_head), LayerCategory::per_sequence);
  EXPECT_EQ(llama.category(Layer::attention), LayerCategory::attention);
  EXPECT_EQ(llama.category(Layer::o_proj), LayerCategory::dense);
  EXPECT_EQ(llama.category(Layer::moe), std::nullopt);
  EXPECT_EQ(llama.category(Layer::qk_norm), std::nullopt);
}

TEST(Architecture, ExpertFamily) {
  const Architecture& qwen = architecture_for("qwen3_moe");
  EXPECT_THAT(qwen.pre_attn, ElementsAre(Layer::layernorm, Layer::qkv_proj, Layer::qk_norm,
                                         Layer::rotary_emb, Layer::attention));
  EXPECT_EQ(qwen.category(Layer::moe), LayerCategory::moe);
  EXPECT_EQ(qwen.category(Layer::down_proj), std::nullopt);
}

TEST(Architecture, UnknownFamilyNamesTheKnownOnes) {
  try {
    (void)architecture_for("gpt2");
    FAIL() << "gpt2 was accepted";
  } catch (const UserError& error) {
    EXPECT_THAT(error.problem(), HasSubstr("gpt2"));
    EXPECT_THAT(error.mend(), HasSubstr("llama, qwen3, qwen3_moe, mixtral, phimoe"));
  }
}

TEST(Architecture, LayerNamesRoundTrip) {
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    const auto layer = static_cast<Layer>(i);
    EXPECT_EQ(layer_from_name(layer_name(layer)), layer);
  }
  EXPECT_EQ(layer_from_name("expert"), std::nullopt);
}

/// The layers of a flow list such as "  head:  [final_layernorm, lm_head, sampler]".
std::vector<Layer> layers_of(const std::string& line) {
  std::string list = line.substr(line.find('[') + 1);
  std::replace_if(
      list.begin(), list.end(), [](char c) { return c == ',' || c == ']'; }, ' ');
  std::istringstream words(list);
  std::vector<Layer> layers;
  for (std::string word; words >> word;) {
    layers.push_back(layer_from_name(word).value());
  }
  return layers;
}

/// The description files hold flow lists for the sequences and one nesting for the catalog.
struct ArchitectureFile {
  std::map<std::string, std::vector<Layer>> sequence;
  std::map<Layer, std::string> category;
  std::set<Layer> stable;
};

ArchitectureFile read_architecture_file(const std::filesystem::path& file) {
  ArchitectureFile result;
  std::string section;
  std::optional<Layer> layer;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    const std::string key = line.substr(indent, line.find(':') - indent);
    if (indent == 2 && line.find('[') != std::string::npos) {
      result.sequence[key] = layers_of(line);
    } else if (indent == 2) {
      section = key;
    } else if (indent == 4) {
      layer = layer_from_name(key);
      result.category[layer.value()] = section;
    } else if (line.find("tp_stable: true") != std::string::npos) {
      result.stable.insert(layer.value());
    }
  }
  return result;
}

TEST(ArchitectureReference, FamiliesAgreeWithTheDescriptions) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  const std::map<std::string, LayerCategory> categories = {
      {"dense", LayerCategory::dense},
      {"per_sequence", LayerCategory::per_sequence},
      {"attention", LayerCategory::attention},
      {"moe", LayerCategory::moe}};
  for (const char* family : {"llama", "qwen3", "qwen3_moe", "mixtral", "phimoe"}) {
    SCOPED_TRACE(family);
    ArchitectureFile want =
        read_architecture_file(dir / "architectures" / (std::string(family) + ".yaml"));
    const Architecture& got = architecture_for(family);
    EXPECT_EQ(got.prologue, want.sequence.at("prologue"));
    EXPECT_EQ(got.pre_attn, want.sequence.at("pre_attn"));
    EXPECT_EQ(got.post_attn, want.sequence.at("post_attn"));
    EXPECT_EQ(got.mlp_dense, want.sequence.at("mlp_dense"));
    EXPECT_EQ(got.mlp_moe, want.sequence.at("mlp_moe"));
    EXPECT_EQ(got.head, want.sequence.at("head"));
    EXPECT_GE(want.category.size(), 10U);
    for (std::size_t i = 0; i < kLayerCount; ++i) {
      const auto layer = static_cast<Layer>(i);
      const auto found = want.category.find(layer);
      EXPECT_EQ(got.category(layer), found == want.category.end()
                                         ? std::nullopt
                                         : std::optional(categories.at(found->second)));
      if (found != want.category.end()) {
        EXPECT_EQ(Architecture::tp_stable(layer), want.stable.count(layer) == 1);
      }
    }
  }
}

}  // namespace
}  // namespace lockstep
