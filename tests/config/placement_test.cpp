#include "cluster_support.hpp"

namespace lockstep::testing {
namespace {

Json placed(const Json& placement, bool cxl = true) {
  Json json = cluster_of_nodes(
      {node({instance(kDense)}), node({instance(kDense, {{"placement", placement}})})});
  if (cxl) {
    json["cxl_mem"] = {{"mem_size", 64}, {"mem_bw", 60}, {"mem_latency", 250}, {"num_devices", 2}};
  }
  return json;
}

Placement read(const Json& placement) {
  return parse(placed(placement)).instances.at(1).placement;
}

TEST(PlacementRules, LayerThenBlockThenDefault) {
  const Placement p = read({{"default", {{"weights", "CXL:1"}}},
                            {"blocks", {{{"blocks", "3-1, 5,x,40,7-"}, {"weights", "cpu"}}}},
                            {"layers", {{"o_proj", {{"weights", "npu"}}}}}});
  EXPECT_TRUE(p.block_mode());
  ASSERT_EQ(p.blocks.size(), 32U);
  std::string blocks;
  for (std::size_t b = 0; b < p.blocks.size(); ++b) {
    blocks += to_string(p.blocks[b].weights) == "REMOTE:1" ? fmt::format("{} ", b) : "";
  }
  EXPECT_EQ(blocks, "1 2 3 5 ");
  EXPECT_EQ(to_string(p.weights(2, Layer::qkv_proj)), "REMOTE:1");
  EXPECT_EQ(to_string(p.weights(2, Layer::o_proj)), "LOCAL");
  EXPECT_EQ(to_string(p.weights(0, Layer::qkv_proj)), "CXL:1");
  EXPECT_EQ(to_string(p.weights(std::nullopt, Layer::embedding)), "CXL:1");
  EXPECT_EQ(to_string(p.default_entry.kv_evict_loc), "REMOTE:1");
  EXPECT_EQ(to_string(p.layers.at(Layer::o_proj).kv_evict_loc), "REMOTE:1");
}

TEST(PlacementRules, NamesAndRangesInTheirForms) {
  const Placement p = read({{"default", {{"weights", "Cxl"}, {"kv_evict_loc", "cxl:0"}}},
                            {"blocks", {{{"blocks", 4}, {"kv_loc", "cpu:7"}}}}});
  EXPECT_EQ(to_string(p.default_entry.weights), "CXL");
  EXPECT_EQ(to_string(p.default_entry.kv_evict_loc), "CXL:0");
  EXPECT_EQ(to_string(p.blocks[4].kv_loc), "REMOTE:1");
  EXPECT_EQ(to_string(p.blocks[5].kv_loc), "LOCAL");
}

TEST(PlacementRules, RulesWithoutEffectAreNoted) {
  const Cluster cluster = parse(placed({{"blocks", {{{"blocks", "99"}, {"weights", "cpu"}}}},
                                        {"layers", {{"o_prj", {{"weights", "cpu"}}}}}}));
  EXPECT_FALSE(cluster.instances[1].placement.block_mode());
  const std::string place = "nodes[1].instances[0].placement.";
  EXPECT_EQ(cluster.warnings,
            (std::vector<std::string>{
                place + "blocks[0] selects no block of the model",
                place + "layers.o_prj names no layer and has no effect; did you mean 'o_proj'?"}));
}

TEST(PlacementRules, PlacesThatDoNotExist) {
  const std::string path = " @ nodes[1].instances[0].placement.";
  EXPECT_EQ(refusal(placed({{"default", {{"weights", "disk"}}}})),
            "Unknown memory placement name 'disk'" + path + "default.weights");
  EXPECT_EQ(refusal(placed({{"default", {{"weights", "cxl:2"}}}})),
            "Invalid location for default.weights: 'CXL:2'. Not found in memory configuration." +
                path + "default.weights");
  EXPECT_EQ(refusal(placed({{"default", {{"weights", "cxl:01"}}}})),
            "Invalid location for default.weights: 'CXL:01'. Not found in memory configuration." +
                path + "default.weights");
  EXPECT_EQ(refusal(placed({{"blocks", {{{"blocks", "2"}, {"weights", "cxl:0"}}}}}, false)),
            "Invalid location for block[2].weights: 'CXL:0'. Not found in memory configuration." +
                path + "blocks");
  EXPECT_EQ(refusal(placed({{"layers", {{"moe", {{"kv_loc", "cxl"}}}}}}, false)),
            "Invalid location for layer[moe].kv_loc: 'CXL'. Not found in memory configuration." +
                path + "layers.moe.kv_loc");
}

}  // namespace
}  // namespace lockstep::testing
