// Plausible mistakes, system by system: each is named with its place, or at least warned of.
#include <gmock/gmock.h>

#include <fstream>

#include "cluster_support.hpp"

namespace lockstep::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string one(const Json& keys) {
  return refusal(cluster_of({instance(kDense, keys)}));
}

TEST(RowErrors, Degrees) {
  EXPECT_EQ(one({{"num_npus", 1}, {"tp_size", -2}}),
            "Parallelism degrees must be >= 1: tp_size=-2, pp_size=1, ep_size=1 @ "
            "nodes[0].instances[0].tp_size");
  EXPECT_EQ(one({{"num_npus", 4}, {"tp_size", 1}, {"pp_size", 0}}),
            "Parallelism degrees must be >= 1: tp_size=1, pp_size=0, ep_size=1 @ "
            "nodes[0].instances[0].pp_size");
  EXPECT_EQ(one({{"num_npus", 1'000'000'000'000}}),
            "'nodes[0].instances[0].num_npus' is 1000000000000 @ nodes[0].instances[0].num_npus");
  EXPECT_EQ(one({{"tp_size", "2"}}),
            "'nodes[0].instances[0].tp_size' is \"2\", not a whole number @ "
            "nodes[0].instances[0].tp_size");
  EXPECT_EQ(one({{"num_npus", 40}, {"tp_size", 1}, {"pp_size", 40}}),
            "pp_size (40) exceeds the model's transformer block count (32); a pipeline stage "
            "cannot be empty @ nodes[0].instances[0].pp_size");
}

TEST(RowErrors, EmptyLists) {
  Json nothing = cluster_of({instance(kDense)});
  nothing["nodes"][0]["instances"] = Json::array();
  try {
    static_cast<void>(parse(nothing));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.mend(), "add at least one instance to the list");
    EXPECT_GT(error.where().line, 0);
  }
}

std::vector<std::string> pair_warnings(const Json& decode_keys, const char* decode_model = kDense) {
  Json prefill = instance(kDense);
  Json decode = instance(decode_model, decode_keys);
  prefill["pd_type"] = "prefill";
  decode["pd_type"] = "decode";
  return parse(cluster_of({prefill, decode})).warnings;
}

TEST(RowErrors, APairHasToUnderstandItsKvCache) {
  EXPECT_THAT(pair_warnings({}), IsEmpty());
  EXPECT_THAT(pair_warnings({}, kMoe),
              Contains(HasSubstr("prefill instance 0 may hand requests to decode instance 1, which "
                                 "differs in model (meta-llama/Llama-3.1-8B and Qwen")));
  EXPECT_THAT(pair_warnings({{"kv_cache_dtype", "fp8"}}),
              Contains(HasSubstr("differs in bytes of a KV value (2 and 1)")));
  EXPECT_THAT(pair_warnings({{"tp_size", 2}}), IsEmpty());
}

std::vector<std::string> placement_warnings(const Json& blocks) {
  const Json rule{{"blocks", blocks}, {"weights", "cpu"}};
  return parse(cluster_of({instance(kDense, {{"placement", {{"blocks", {rule}}}}})})).warnings;
}

TEST(RowErrors, BlocksThatAreNotThere) {
  EXPECT_THAT(placement_warnings("0-31"), IsEmpty());
  EXPECT_THAT(placement_warnings("30-40"),
              ElementsAre("nodes[0].instances[0].placement.blocks[0].blocks '30-40' names blocks "
                          "beyond the 32 of the model"));
  EXPECT_THAT(placement_warnings("32"), Contains(HasSubstr("selects no block of the model")));
}

TEST(RowErrors, AShareOfTheCpuIsNoPercentage) {
  std::ifstream file(source_dir() / "configs/cluster/single_node_power_instance.json");
  Json json = Json::parse(file);
  EXPECT_THAT(parse(json).warnings, Not(Contains(HasSubstr("util"))));
  json["nodes"][0]["power"]["cpu"]["util"] = 15;
  EXPECT_THAT(parse(json).warnings,
              Contains("nodes[0].power.cpu.util is a share of the CPU, and 15 of it is more than "
                       "all"));
}

}  // namespace
}  // namespace lockstep::testing
