// Every recorded text trace rebuilt from its batch, cluster file and flags, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "config/cluster.hpp"
#include "iteration/trace.hpp"
#include "iteration/trace_builder.hpp"
#include "perf/kernel_times.hpp"
#include "reference_data.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

struct CaseSetup {
  std::string config;  ///< below the data folder, without .json
  bool offloading = false;
  bool interleaving = false;
};

const std::map<std::string, CaseSetup>& cases() {
  const std::string bundled = "configs/cluster/";
  const std::string small = "vectors/configs/";
  static const std::map<std::string, CaseSetup> all = {
      {"dense_tp1", {bundled + "single_node_single_instance"}},
      {"dense_tp2", {small + "dense_tp2"}},
      {"dense_pp2", {small + "dense_pp2"}},
      {"tp_pp", {bundled + "single_node_tp_pp_instance"}},
      {"moe_tp2_ep2", {small + "moe_tp2_ep2"}},
      {"dp_ep_session", {bundled + "single_node_moe_dp_ep_instance"}},
      {"dp_ep_2sessions", {bundled + "single_node_moe_dp_ep_instance"}},
      {"moe_dp_pp", {bundled + "single_node_moe_dp_pp_instance"}},
      {"moe_dp_tp_pp", {bundled + "single_node_moe_dp_tp_pp_instance"}},
      {"pd", {bundled + "single_node_pd_instance"}},
      {"pim", {bundled + "single_node_pim_instance", true}},
      {"pim_sub_batch", {bundled + "single_node_pim_instance", true, true}},
      {"cxl", {bundled + "single_node_cxl_instance"}},
      {"power", {bundled + "single_node_power_instance"}},
      {"chunked", {bundled + "single_node_single_instance"}},
      {"chunked_threshold", {bundled + "single_node_single_instance"}},
      {"preempt", {small + "small_kv"}},
      {"preempt_noisl", {small + "small_kv"}},
      {"prefix_npu", {small + "small_kv"}},
      {"prefix_evict_cpu", {small + "small_kv"}},
      {"prefix_evict_cpu_shared", {small + "small_kv_2inst"}}};
  return all;
}

std::string read_file(const fs::path& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

/// A batch from its description; the requests live in `requests`.
Batch batch_of(const Json& json, std::deque<Request>& requests) {
  const auto q = json.at("q_list").get<std::vector<std::int64_t>>();
  const auto k = json.at("k_list").get<std::vector<std::int64_t>>();
  const Json& described = json.at("requests");
  if (described.empty()) {
    Batch dummy = make_dummy_batch(0, 0, Nanos{});
    pad_batch(dummy, json.at("total_len").get<std::int64_t>());
    return dummy;
  }
  Batch batch;
  for (std::size_t i = 0; i < described.size(); ++i) {
    Request& request = requests.emplace_back();
    request.id = described[i].at("id").get<std::int64_t>();
    request.arrival = Nanos{request.id};  // the workloads are in order of arrival
    request.input = described[i].at("input").get<std::int64_t>();
    request.is_init = k[i] < request.input;
    batch.entries.push_back({&request, q[i], k[i]});
  }
  batch.total_len = json.at("total_len").get<std::int64_t>();
  batch.num_prefill = json.at("num_prefill").get<std::int64_t>();
  batch.num_decode = json.at("num_decode").get<std::int64_t>();
  batch.load = Bytes{json.at("load").get<std::int64_t>()};
  batch.pd_kv_send_tokens = json.at("pd_kv_send_tokens").get<std::int64_t>();
  return batch;
}

class RecordedTraces : public ::testing::TestWithParam<std::string> {};

TEST_P(RecordedTraces, AreRebuiltByteForByte) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  const CaseSetup& setup = cases().at(GetParam());
  RunOptions options;
  options.dtype = DataType::bfloat16;
  options.enable_attn_offloading = setup.offloading;
  options.enable_sub_batch_interleaving = setup.interleaving;
  const Cluster cluster = load_cluster(dir / (setup.config + ".json"), options,
                                       {{dir / "configs" / "model"}, {dir / "configs" / "pim"}});
  KernelTimeLibrary library({{dir / "bundles"}, false});

  std::size_t traces = 0;
  const fs::path folder = dir / "vectors" / "traces" / GetParam();
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") {
      continue;
    }
    const Json json = Json::parse(std::ifstream(entry.path()));
    const Instance& instance = cluster.instances.at(json.at("instance_id").get<std::size_t>());
    std::deque<Request> requests;
    const Batch batch = batch_of(json, requests);
    TraceBuilder builder(cluster, instance, library.times_for(instance), {});
    IterationTrace trace;
    builder.build(batch, batch.total_len, trace, nullptr);
    const std::string want = read_file(fs::path(entry.path()).replace_extension(".txt"));
    const std::string got = to_text(trace);
    EXPECT_TRUE(got == want)
        << entry.path() << ": first difference at byte "
        << std::mismatch(got.begin(), got.end(), want.begin(), want.end()).first - got.begin();
    EXPECT_EQ(to_text(parse_trace(want, entry.path()).trace), want) << entry.path();
    EXPECT_TRUE(builder.warnings().empty());
    ++traces;
  }
  EXPECT_GE(traces, 1U);
  RecordProperty("traces", static_cast<int>(traces));
}

std::vector<std::string> case_names() {
  std::vector<std::string> names;
  for (const auto& [name, setup] : cases()) {
    names.push_back(name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Reference, RecordedTraces, ::testing::ValuesIn(case_names()),
                         [](const auto& test) { return test.param; });

TEST(RecordedTracesReference, EveryFolderWithATraceIsCovered) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  for (const auto& folder : fs::directory_iterator(dir / "vectors" / "traces")) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".txt") {
        EXPECT_EQ(cases().count(folder.path().filename()), 1U) << folder.path();
      }
    }
  }
}

TEST(StageBoundariesReference, BoundaryTable) {
  LOCKSTEP_REQUIRE_REFERENCE(dir);
  std::ifstream stream(dir / "vectors" / "pp_boundaries.csv");
  std::string line;
  std::getline(stream, line);
  int rows = 0;
  while (std::getline(stream, line)) {
    std::replace(line.begin(), line.end(), ',', ' ');
    std::istringstream words(line);
    std::int64_t blocks = 0;
    std::int64_t pp = 0;
    std::string formula;
    words >> blocks >> pp >> formula;
    std::vector<std::int64_t> want;
    for (std::int64_t boundary = 0; words >> boundary;) {
      want.push_back(boundary);
    }
    std::vector<std::int64_t> starts;
    for (std::int64_t i = 0; i < blocks; ++i) {
      starts.push_back(1 + 9 * i);
    }
    std::vector<std::int64_t> got;
    append_stage_boundaries(starts, pp, got);
    EXPECT_EQ(got, want) << line;
    ++rows;
  }
  EXPECT_EQ(rows, 26);
}

}  // namespace
}  // namespace lockstep
