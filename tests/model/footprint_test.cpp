#include "model/footprint.hpp"

#include <gtest/gtest.h>

#include "base/numeric.hpp"
#include "model/csv.hpp"
#include "model/data_type.hpp"
#include "model/models.hpp"

namespace lockstep {
namespace {

using testing::read_csv;
using testing::shipped_model;

constexpr const char* kLlama8b = "meta-llama/Llama-3.1-8B";
constexpr const char* kQwenMoe = "Qwen/Qwen3-30B-A3B-Instruct-2507";

TEST(Footprint, WeightsPerRank) {
  const auto weight = [](const char* name, std::int64_t tp, std::int64_t pp, std::int64_t ep,
                         std::int64_t fp) {
    return weight_bytes_per_rank(shipped_model(name), tp, pp, ep, fp).count();
  };
  EXPECT_EQ(weight(kLlama8b, 1, 1, 1, 2), 16'060'522'496);
  EXPECT_EQ(weight(kLlama8b, 2, 2, 1, 2), 4'540'604'416);
  EXPECT_EQ(weight(kLlama8b, 1, 1, 1, 1), 8'030'261'248);
  EXPECT_EQ(weight(kLlama8b, 1, 3, 1, 2), 2 * 1'050'673'152 + 8192 + 10 * 436'224'000LL);
  EXPECT_EQ(weight(kQwenMoe, 1, 1, 2, 2), 32'073'191'424);
  EXPECT_EQ(weight(kQwenMoe, 2, 2, 4, 2), 8'335'855'616);
  EXPECT_EQ(weight("meta-llama/Llama-3.1-70B", 4, 1, 1, 2), 35'278'831'616);
  EXPECT_EQ(weight("mistralai/Mixtral-8x7B-v0.1", 2, 1, 2, 2), 46'704'107'520);
  EXPECT_EQ(weight("microsoft/Phi-mini-MoE-instruct", 1, 1, 1, 2), 15'294'013'440);
}

TEST(Footprint, KvIsDividedAndFlooredOverAllRanks) {
  const ModelConfig& model = shipped_model(kLlama8b);
  EXPECT_EQ(kv_bytes_per_rank(model, 1, 1, 2).count(), 131'072);
  EXPECT_EQ(kv_bytes_per_rank(model, 100, 4, 1).count(), 1'638'400);
  EXPECT_EQ(kv_bytes_per_rank(model, 1, 3, 2).count(), 43'690);
}

TEST(Footprint, TensorsOfLayers) {
  const ModelConfig& model = shipped_model(kLlama8b);
  const auto sizes = [&](Layer layer, std::int64_t kv, std::int64_t tp) {
    const TensorSizes s = tensor_sizes(model, layer, 10, kv, tp, 2);
    return std::vector<std::int64_t>{s.input.count(), s.weight.count(), s.output.count()};
  };
  using V = std::vector<std::int64_t>;
  EXPECT_EQ(sizes(Layer::embedding, 0, 1), (V{40, 1'050'673'152, 81'920}));
  EXPECT_EQ(sizes(Layer::attention, 1000, 1), (V{4'177'920, 0, 81'920}));
  EXPECT_EQ(sizes(Layer::qkv_proj, 0, 2), (V{81'920, 25'165'824, 61'440}));
  EXPECT_EQ(sizes(Layer::sampler, 0, 1), (V{2'565'120, 0, 40}));
  EXPECT_EQ(tensor_sizes(model, Layer::o_proj, 7, 0, 0, 2),
            tensor_sizes(model, Layer::o_proj, 7, 0, 1, 2));
  const TensorSizes pim = pim_attention_sizes(model, 2, 2);
  EXPECT_EQ(pim.input.count(), 6144);
  EXPECT_EQ(pim.output.count(), 4096);
}

TEST(Footprint, MoreKvHeadRanksThanHeadsLeaveNoKv) {
  const TensorSizes s = tensor_sizes(shipped_model(kLlama8b), Layer::attention, 1, 500, 16, 2);
  EXPECT_EQ(s.input, s.output);
}

TEST(FootprintReference, SizesTable) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  std::size_t rows = 0;
  for (const auto& row : read_csv(dir / "vectors" / "sizes.csv")) {
    const ModelConfig& model = shipped_model(row.text("model"));
    const Layer layer = layer_from_name(row.text("layer")).value();
    const std::int64_t parallel = row.integer("parallel");
    const std::int64_t fp = row.integer("bytes_per_element");
    const TensorSizes got = row.integer("pim") != 0
                                ? pim_attention_sizes(model, parallel, fp)
                                : tensor_sizes(model, layer, row.integer("tokens"),
                                               row.integer("kv_len"), parallel, fp);
    const TensorSizes want{Bytes{row.integer("input_bytes")}, Bytes{row.integer("weight_bytes")},
                           Bytes{row.integer("output_bytes")}};
    ASSERT_EQ(got, want) << row.text("model") << ' ' << row.text("layer") << " row " << rows;
    ++rows;
  }
  EXPECT_EQ(rows, 1080U);
}

TEST(FootprintReference, WeightsAndKvTable) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  std::size_t rows = 0;
  for (const auto& row : read_csv(dir / "vectors" / "weights_kv.csv")) {
    const ModelConfig& model = shipped_model(row.text("model"));
    const auto kv_type =
        row.text("kv_cache_dtype") == "fp8" ? KvCacheType::fp8 : KvCacheType::automatic;
    const std::int64_t kv_fp = kv_bytes_per_element(DataType::bfloat16, kv_type);
    const std::int64_t npus = row.integer("num_npus");
    const Bytes weight =
        weight_bytes_per_rank(model, row.integer("tp"), row.integer("pp"), row.integer("ep"), 2);
    const Bytes per_token = kv_bytes_per_rank(model, 1, npus, kv_fp);
    const std::int64_t npu_bytes = row.integer("npu_mem_gb") * kGiB;
    const std::int64_t requested =
        truncate(static_cast<double>(npu_bytes) * std::stod(row.text("utilization")));
    const std::int64_t block = per_token.count() * row.integer("block_size");
    const std::int64_t kv = requested - weight.count();
    ++rows;
    if (row.text("weight_bytes_per_rank") == "does not fit") {
      EXPECT_TRUE(weight.count() > npu_bytes || kv < block) << "row " << rows;
      continue;
    }
    EXPECT_EQ(weight.count(), row.integer("weight_bytes_per_rank")) << "row " << rows;
    EXPECT_EQ(per_token.count(), row.integer("kv_bytes_1_token")) << "row " << rows;
    EXPECT_EQ(kv_bytes_per_rank(model, 100, npus, kv_fp).count(),
              row.integer("kv_bytes_100_tokens"))
        << "row " << rows;
    EXPECT_EQ(kv / block, row.integer("num_npu_blocks")) << "row " << rows;
    EXPECT_EQ(per_token.count() * npus, row.integer("cluster_kv_bytes_per_token"))
        << "row " << rows;
  }
  EXPECT_EQ(rows, 84U);
}

}  // namespace
}  // namespace lockstep
