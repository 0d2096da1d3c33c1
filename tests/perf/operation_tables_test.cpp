// Tables of one's own making: reading, the store, and the traps that such measurements hold.
#include <gmock/gmock.h>
#include <zstd.h>

#include <cmath>
#include <functional>

#include "base/error.hpp"
#include "perf/operations/measured_operations.hpp"
#include "perf/operations/operation_library.hpp"
#include "perf/tables/table_store.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TempDir;

std::string compressed(std::string_view text) {
  std::string bytes(ZSTD_compressBound(text.size()), '\0');
  bytes.resize(ZSTD_compress(bytes.data(), bytes.size(), text.data(), text.size(), 3));
  return bytes;
}

constexpr std::string_view kGemm =
    "gemm_dtype,m,n,k,time_us\n"
    "bfloat16,1,1024,1024,4\nbfloat16,2,1024,1024,4.2\nbfloat16,4,1024,1024,5\n"
    "bfloat16,1,2048,1024,8\nbfloat16,2,2048,1024,8\nbfloat16,4,2048,1024,10\n"
    "bfloat16,2,1024,1024,4.4\nbfloat16,2,1024,1024,4.3\n"
    "future16,1,1024,1024,1\n";

ListedTable import_text(const TempDir& dir, const std::string& place, std::string_view text) {
  const auto file = dir.write("tables/" + place, text);
  return TableStore(dir.path() / "store").import(table_source_of(file).value());
}

std::shared_ptr<const OperationTable> opened(const TempDir& dir, const ListedTable& table) {
  return TableStore(dir.path() / "store").open(table);
}

std::string problem_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.problem();
  }
  return "nothing was refused";
}

TEST(TableStore, KeepsCurvesAndTheMedianOfRepeatedRows) {
  const TempDir dir;
  const auto listed = import_text(dir, "h100_sxm/vllm-0.24.0/gemm.csv.zst", compressed(kGemm));
  EXPECT_EQ(listed.origin.rows_left_out, 1);
  const auto table = opened(dir, listed);
  ASSERT_EQ(table->slice_count(), 2U);
  EXPECT_THAT(table->keys(0), ElementsAre(0, 1024, 1024));
  EXPECT_THAT(table->curve(0).axis, ElementsAre(1, 2, 4));
  EXPECT_THAT(table->curve(0).micros, ElementsAre(4.0F, 4.3F, 5.0F));
  EXPECT_EQ(table->origin().gpu, "h100_sxm");
  EXPECT_EQ(table->origin().version, "0.24.0");
}

TEST(TableStore, TakesConstantsFromTheManifest) {
  const TempDir dir;
  dir.write("tables/manifest.json",
            R"([{"system":"a","engine":"vllm","version":"1.0","op":"gemm","rows":1,
                 "columns":[],"constants":{"gemm_dtype":"fp8","n":512}}])");
  const auto table = opened(dir, import_text(dir, "a/vllm-1.0/gemm.csv", "m,k,time_us\n7,64,3\n"));
  EXPECT_THAT(table->keys(0), ElementsAre(1, 512, 64));
}

TEST(TableStore, ReadsAiConfiguratorsFoldersInMilliseconds) {
  const TempDir dir;
  const auto listed = import_text(dir, "data/b200_sxm/gemm/vllm/0.24.0/gemm_perf.csv",
                                  "framework,gemm_dtype,m,n,k,latency\nVLLM,nvfp4,8,64,64,0.005\n");
  EXPECT_EQ(listed.origin.gpu, "b200_sxm");
  EXPECT_EQ(listed.origin.engine, "vllm");
  EXPECT_FLOAT_EQ(opened(dir, listed)->curve(0).micros[0], 5.0F);
}

TEST(TableStore, CountsCollectivesInElements) {
  const TempDir dir;
  const auto half = opened(dir, import_text(dir, "a/nccl-2/nccl.csv",
                                            "op_name,nccl_dtype,num_gpus,message_size,time_us\n"
                                            "all_reduce,half,8,1024,10\n"
                                            "all_reduce,int8,8,1024,8\n"));
  EXPECT_THAT(half->curve(0).axis, ElementsAre(1024, 2048));
}

TEST(TableStore, CountsADecodesNewTokenAlike) {
  const TempDir dir;
  constexpr std::string_view kRow =
      "batch_size,num_heads,num_key_value_heads,head_dim,step,time_us\n1,8,8,128,127,9\n";
  const auto older = opened(dir, import_text(dir, "a/vllm-0.19.0/generation_attention.csv", kRow));
  const auto newer = opened(dir, import_text(dir, "a/vllm-0.24.0/generation_attention.csv", kRow));
  EXPECT_THAT(older->curve(0).axis, ElementsAre(127));
  EXPECT_THAT(newer->curve(0).axis, ElementsAre(128));
}

TEST(TableStore, RefusesWhatIsNoTableAndKeepsTheOldOne) {
  const TempDir dir;
  const auto good = import_text(dir, "a/vllm-1.0/gemm.csv", kGemm);
  EXPECT_THAT(problem_of([&] { import_text(dir, "a/vllm-1.0/gemm.csv", "m,n\n1,2\n"); }),
              HasSubstr("lacks the column"));
  EXPECT_THAT(problem_of([&] {
                import_text(dir, "a/vllm-1.0/gemm.csv", "gemm_dtype,m,n,k,time_us\nfp8,x,1,1,1\n");
              }),
              HasSubstr("whole number"));
  EXPECT_THAT(problem_of([&] {
                import_text(dir, "a/vllm-1.0/gemm.csv.zst", compressed(kGemm).substr(0, 40));
              }),
              HasSubstr("decompress"));
  EXPECT_EQ(OperationTable(good.file).point_count(), 6U);
}

TEST(TableStore, RefusesADamagedTable) {
  const TempDir dir;
  const auto listed = import_text(dir, "a/vllm-1.0/gemm.csv", kGemm);
  std::string bytes;
  {
    std::ifstream in(listed.file, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto with = [&](std::string changed) {
    std::ofstream(listed.file, std::ios::binary) << changed;
    return problem_of([&] { OperationTable table(listed.file); });
  };
  EXPECT_THAT(with(bytes.substr(0, bytes.size() - 4)), HasSubstr("damaged"));
  EXPECT_THAT(with(bytes.substr(0, 10)), HasSubstr("damaged"));
  EXPECT_THAT(with(""), HasSubstr("damaged"));
  std::string flipped = bytes;
  flipped[flipped.size() - 3] = static_cast<char>(flipped[flipped.size() - 3] ^ 1);
  EXPECT_THAT(with(flipped), HasSubstr("checksum"));
  EXPECT_EQ(with(bytes), "nothing was refused");
}

TEST(TableStore, MakesATableAnewWhenItsSourceChanged) {
  const TempDir dir;
  static_cast<void>(import_text(dir, "a/vllm-1.0/gemm.csv", kGemm));
  dir.write("tables/a/vllm-1.0/gemm.csv", "gemm_dtype,m,n,k,time_us\nbfloat16,1,64,64,2\n");
  const TableStore store(dir.path() / "store");
  const auto listed = store.list();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(store.open(listed[0])->point_count(), 1U);
  std::filesystem::remove_all(dir.path() / "tables");
  EXPECT_EQ(store.open(store.list()[0])->point_count(), 1U);  // the source is not needed any more
}

OperationRequest request(const TempDir& dir, const std::string& version = {}) {
  OperationRequest asked;
  asked.gpu = "H100";
  asked.engine_version = version;
  asked.store = dir.path() / "store";
  return asked;
}

Gemm product(std::int64_t m, std::int64_t n, std::int64_t k,
             Precision precision = Precision::bfloat16) {
  return {m, n, k, precision};
}

TEST(MeasuredOperations, SayHowTheyKnow) {
  const TempDir dir;
  static_cast<void>(import_text(dir, "h100_sxm/vllm-0.24.0/gemm.csv", kGemm));
  const auto times = operation_times_for(request(dir)).times;
  const OperationTime exact = times->gemm(product(4, 1024, 1024));
  EXPECT_EQ(exact.source, TimeSource::exact);
  EXPECT_EQ(exact.distance, 0);
  EXPECT_GE(exact.micros, 5.0);  // cold: at least what was measured
  const OperationTime inside = times->gemm(product(3, 1500, 1024));
  EXPECT_EQ(inside.source, TimeSource::interpolated);
  EXPECT_GT(inside.micros, exact.micros * 0.8);
  const OperationTime beyond = times->gemm(product(64, 4096, 1024));
  EXPECT_EQ(beyond.source, TimeSource::extrapolated);
  EXPECT_NEAR(beyond.distance, std::log(16.0), 1e-6);  // rows 4 -> 64
  EXPECT_EQ(times->gemm(product(0, 1024, 1024)).micros, 0);
  EXPECT_EQ(times->experts({}).micros, 0);
  GenerationAttention attention;  // no table: the model that ships
  attention.heads = {32, 8, 128, 0, false};
  EXPECT_EQ(times->generation_attention(attention).source, TimeSource::analytic);
}

TEST(MeasuredOperations, PassOverLaunchTimesOfBlockProducts) {
  const TempDir dir;
  constexpr std::string_view kHeader = "gemm_dtype,m,n,k,time_us\n";
  static_cast<void>(import_text(dir, "h100_sxm/vllm-0.19.0/gemm.csv",
                                std::string(kHeader) + "fp8_block,64,4096,4096,20\n"));
  static_cast<void>(import_text(
      dir, "h100_sxm/vllm-0.24.0/gemm.csv",
      std::string(kHeader) + "fp8_block,64,4096,4096,55\nfp8_block,4096,4096,4096,150\n"));
  const auto times = operation_times_for(request(dir, "0.24.0")).times;
  EXPECT_LT(times->gemm(product(64, 4096, 4096, Precision::fp8_block)).micros, 40);
  EXPECT_NEAR(times->gemm(product(4096, 4096, 4096, Precision::fp8_block)).micros, 150, 15);
}

TEST(MeasuredOperations, TakeTheVersionAskedForAndSayWhenItIsAnother) {
  const TempDir dir;
  constexpr std::string_view kHeader = "gemm_dtype,m,n,k,time_us\n";
  for (const auto& [version, row] :
       {std::pair("0.14.0", "bfloat16,1,64,64,14\n"), std::pair("0.19.0", "bfloat16,1,64,64,19\n"),
        std::pair("0.24.0", "bfloat16,1,64,64,24\n")}) {
    static_cast<void>(import_text(dir, std::string("h100_sxm/vllm-") + version + "/gemm.csv",
                                  std::string(kHeader) + row));
  }
  const auto micros = [&](const std::string& version) {
    return operation_times_for(request(dir, version)).times->gemm(product(1, 64, 64)).micros;
  };
  EXPECT_LT(micros("0.14.0"), micros("0.19.0"));
  EXPECT_EQ(micros("0.20.1"), micros("0.24.0"));  // the next newer one
  EXPECT_EQ(micros("0.30"), micros("0.24.0"));    // nothing newer: the nearest older one
  EXPECT_EQ(micros(""), micros("0.24.0"));
  EXPECT_TRUE(operation_times_for(request(dir, "0.19.0")).notes.empty());
  EXPECT_THAT(operation_times_for(request(dir, "0.20.1")).notes,
              Contains(HasSubstr("0.20.1 for: gemm 0.24.0")));
}

TEST(MeasuredOperations, KeepLaunchedAllReducesApart) {
  const TempDir dir;
  static_cast<void>(import_text(dir, "h100_sxm/vllm-0.24.0/custom_allreduce.csv",
                                "num_gpus,message_size,backend,allreduce_dtype,time_us\n"
                                "8,1024,vllm_graph,bfloat16,5\n8,1024,vllm_eager,bfloat16,21\n"));
  const auto times = operation_times_for(request(dir)).times;
  CollectiveCall call{CollectiveOp::vllm_all_reduce, 2048, 8, true};
  EXPECT_FLOAT_EQ(static_cast<float>(times->collective(call).micros), 5.0F);
  call.graph = false;
  EXPECT_FLOAT_EQ(static_cast<float>(times->collective(call).micros), 21.0F);
}

constexpr std::string_view kExperts =
    "moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,moe_ep_size,"
    "distribution,time_us\n";

GroupedExperts experts_of(std::int64_t tokens, std::int64_t width) {
  return {.tokens = tokens,
          .hidden = 1024,
          .intermediate = width,
          .experts = 64,
          .top_k = 4,
          .precision = Precision::int4};
}

TEST(MeasuredOperations, ExpertsOfAnotherShapeGoByRowsAnExpertAndWeights) {
  const TempDir dir;
  static_cast<void>(import_text(dir, "h100_sxm/vllm-0.24.0/moe.csv",
                                std::string(kExperts) +
                                    "int4_wo,64,1024,512,4,64,1,1,power_law_1.2,130\n"
                                    "int4_wo,128,1024,512,4,64,1,1,power_law_1.2,230\n"));
  const auto times = operation_times_for(request(dir)).times;
  EXPECT_NEAR(times->experts(experts_of(64, 512)).micros, 130, 1e-3);
  const OperationTime wider = times->experts(experts_of(64, 1024));
  EXPECT_NEAR(wider.micros, 30 + 2 * 100, 1e-3) << "all but the launch doubles";
  EXPECT_EQ(wider.source, TimeSource::extrapolated);
  GroupedExperts sparser = experts_of(128, 512);
  sparser.experts = 128;  // 4 rows an expert, as 64 tokens to 64 experts
  EXPECT_NEAR(times->experts(sparser).micros, 30 + 2 * 100, 1e-3);
}

TEST(MeasuredOperations, TritonsExpertsAreThoseOfOlderTables) {
  const TempDir dir;
  constexpr std::string_view kRow = "int4_wo,64,1024,512,4,64,1,1,power_law_1.2,";
  for (const auto& [version, micros] :
       {std::pair("0.19.0", "300\n"), std::pair("0.24.0", "130\n")}) {
    static_cast<void>(import_text(dir, std::string("h100_sxm/vllm-") + version + "/moe.csv",
                                  std::string(kExperts) + std::string(kRow) + micros));
  }
  const auto times = operation_times_for(request(dir)).times;
  GroupedExperts experts = experts_of(64, 512);
  EXPECT_NEAR(times->experts(experts).micros, 130, 1e-3);
  experts.kernel = ExpertKernel::triton;
  EXPECT_NEAR(times->experts(experts).micros, 300, 1e-3);
}

TEST(MeasuredOperations, RaiseWarmCachesToColdMemory) {
  const TempDir dir;  // 64 MB of keys and values, read again and again: faster than memory can
  static_cast<void>(import_text(
      dir, "rtx_pro_6000_server/vllm-0.24.0/generation_attention.csv",
      "batch_size,num_heads,num_key_value_heads,head_dim,step,time_us\n16,32,8,128,1023,30\n"));
  auto asked = request(dir);
  asked.gpu = "RTXPRO6000";
  const auto times = operation_times_for(asked).times;
  GenerationAttention attention;
  attention.heads = {32, 8, 128, 0, false};
  attention.batch = 16;
  attention.context = 1024;
  const double memory = 2.0 * 16 * 1024 * 8 * 128 * 2 / 1597e3;  // us at the datasheet's rate
  EXPECT_LT(30, memory);
  EXPECT_GT(times->generation_attention(attention).micros, memory);
}

TEST(OperationLibrary, NeedsTablesOrCoefficients) {
  const TempDir dir;
  auto asked = request(dir);
  asked.allow_analytic = false;
  EXPECT_THAT(problem_of([&] { static_cast<void>(operation_times_for(asked)); }),
              HasSubstr("no tables of H100"));
  asked.gpu = "Abacus";
  EXPECT_THAT(problem_of([&] { static_cast<void>(operation_times_for(asked)); }),
              HasSubstr("knows no GPU"));
}

}  // namespace
}  // namespace lockstep
