#include <fstream>

#include "cluster_support.hpp"

namespace lockstep::testing {
namespace {

Json good() {
  return cluster_of({instance(kDense), instance(kDense)});
}

/// `json` with the value at a JSON pointer replaced, or removed for a discarded value.
Json changed(Json json, const std::string& pointer, const Json& value) {
  json[Json::json_pointer(pointer)] = value;
  return json;
}
Json without(Json json, const std::string& parent, const std::string& key) {
  json[Json::json_pointer(parent)].erase(key);
  return json;
}

TEST(ClusterErrors, MissingKeys) {
  const std::string one = "/nodes/0/instances/1";
  const std::vector<std::tuple<std::string, std::string, std::string>> cases = {
      {"", "num_nodes", "Missing required key 'num_nodes' in cluster configuration. @ "},
      {"", "nodes", "Missing required key 'nodes' in cluster configuration. @ "},
      {"", "link_bw",
       "Both 'link_bw' and 'link_latency' must be specified in the cluster configuration. @ "},
      {"/nodes/0", "num_instances",
       "Missing required key 'num_instances' in node configuration. @ nodes[0]"},
      {"/nodes/0", "cpu_mem", "Missing required key 'cpu_mem' in node configuration. @ nodes[0]"},
      {one, "model_name",
       "Missing required key 'model_name' in instance configuration. @ nodes[0].instances[1]"},
      {one, "pd_type",
       "Missing required key 'pd_type' in instance configuration. @ nodes[0].instances[1]"},
      {one + "/npu_mem", "mem_bw",
       "Missing required key 'mem_bw' in 'npu_mem' configuration. @ "
       "nodes[0].instances[1].npu_mem"},
      {"/nodes/0/cpu_mem", "mem_latency",
       "Missing required key 'mem_latency' in 'cpu_mem' configuration. @ nodes[0].cpu_mem"},
  };
  for (const auto& [parent, key, expected] : cases) {
    EXPECT_EQ(refusal(without(good(), parent, key)), expected);
  }
  Json cxl = good();
  cxl["cxl_mem"] = {{"mem_size", 1}, {"mem_bw", 1}};
  EXPECT_EQ(refusal(cxl),
            "Missing required key 'mem_latency' in 'cxl_mem' configuration. @ cxl_mem");
}

TEST(ClusterErrors, WrongValues) {
  const std::string one = "/nodes/0/instances/1";
  const std::vector<std::tuple<std::string, Json, std::string>> cases = {
      {"/num_nodes", 2, "Number of nodes (1) does not match 'num_nodes' (2). @ num_nodes"},
      {"/link_latency", nullptr,
       "Both 'link_bw' and 'link_latency' must be specified in the cluster configuration. @ "},
      {"/nodes/0/num_instances", 3,
       "Number of instances (2) does not match 'num_instances' (3). @ nodes[0].num_instances"},
      {one + "/pd_type", "both",
       "Invalid pd_type 'both' in instance 1. Must be 'prefill', 'decode', or omitted. @ "
       "nodes[0].instances[1].pd_type"},
      {one + "/npu_mem", nullptr,
       "'nodes[0].instances[1].npu_mem' is null, not an object {...} @ "
       "nodes[0].instances[1].npu_mem"},
      {one + "/npu_mem/mem_bw", 0,
       "'nodes[0].instances[1].npu_mem.mem_bw' is 0 @ nodes[0].instances[1].npu_mem.mem_bw"},
      {"/nodes", "x", "'nodes' is \"x\", not a list [...] @ nodes"},
      {"/nodes/0", 5, "'nodes[0]' is 5, not an object {...} @ nodes[0]"},
      {one + "/pd_type", "decode",
       "instance 1 is a decode instance, but the cluster has no prefill instance @ "
       "nodes[0].instances[1].pd_type"},
      {one + "/pd_type", "prefill",
       "instance 1 is a prefill instance, but the cluster has no decode instance @ "
       "nodes[0].instances[1].pd_type"},
  };
  for (const auto& [pointer, value, expected] : cases) {
    EXPECT_EQ(refusal(changed(good(), pointer, value)), expected);
  }
  EXPECT_EQ(refusal(cluster_of_nodes({})), "the cluster has no instance @ nodes");
}

TEST(ClusterErrors, AModelThatIsNotThere) {
  const std::string text =
      refusal(changed(good(), "/nodes/0/instances/0/model_name", "meta-llama/Llama-3.1-8b"));
  EXPECT_EQ(text.find("Config file for model 'meta-llama/Llama-3.1-8b' not found. Checked: "), 0U);
  EXPECT_NE(text.find("Please add the corresponding config file. @ nodes[0].instances[0]"
                      ".model_name"),
            std::string::npos);
}

TEST(ClusterErrors, Groups) {
  const auto member = [](Json keys, const char* group = "A") {
    keys["dp_group"] = group;
    return instance(kMoe, keys);
  };
  const std::string place = " @ nodes[0].instances[1].";
  const Json ep2{{"tp_size", 1}, {"ep_size", 2}};
  const auto pair = [&](const Json& a, const Json& b) { return refusal(cluster_of({a, b})); };
  EXPECT_EQ(pair(member({{"tp_size", 2}, {"ep_size", 2}}), member(ep2)),
            "DP group 'A': tp_size mismatch (2 vs 1)" + place + "tp_size");
  EXPECT_EQ(pair(member({{"tp_size", 1}, {"ep_size", 4}}), member(ep2)),
            "DP group 'A': ep_size mismatch (4 vs 2)" + place + "ep_size");
  EXPECT_EQ(pair(member({{"tp_size", 1}, {"pp_size", 2}, {"ep_size", 2}}), member(ep2)),
            "DP group 'A': pp_size mismatch (2 vs 1) @ nodes[0].instances[1]");
  const Json ep1{{"tp_size", 1}, {"ep_size", 1}};
  EXPECT_EQ(pair(member(ep1), member(ep1)),
            "DP group 'A': ep_size (1) not divisible by dp_group_size (2) @ "
            "nodes[0].instances[0].ep_size");
  EXPECT_EQ(pair(member({{"tp_size", 1}}), member({{"tp_size", 1}})),
            "DP group 'A': ep_size (1) not divisible by dp_group_size (2) @ "
            "nodes[0].instances[0]");
  const Json ep4{{"tp_size", 1}, {"ep_size", 4}};
  EXPECT_EQ(pair(member(ep4), member(ep4)),
            "DP group 'A': local_ep (2) > tp_size (1) @ nodes[0].instances[0].ep_size");
  EXPECT_EQ(refusal(cluster_of({member(ep2), instance(kMoe), member(ep2)})),
            "DP group 'A': its members are not next to each other @ "
            "nodes[0].instances[2].dp_group");
}

TEST(ClusterErrors, UnlikeModelsInAGroupPassWithAWarningUnderReference) {
  const Json json = cluster_of(
      {instance(kDense, {{"dp_group", "A"}}), instance("Qwen/Qwen3-32B", {{"dp_group", "A"}})});
  const Cluster cluster = parse(json);
  ASSERT_EQ(cluster.warnings.size(), 1U);
  EXPECT_NE(cluster.warnings[0].find("differ in model or hardware"), std::string::npos);
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  EXPECT_EQ(refusal(json, options).find("DP group 'A': instances 0 and 1 differ"), 0U);
}

TEST(ClusterErrors, HeadsSplitEvenly) {
  const auto at = [](int tp) {
    return cluster_of({instance(kDense, {{"num_npus", tp}, {"tp_size", tp}})});
  };
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  EXPECT_EQ(refusal(at(3), options).find("32 attention heads do not split over 3 ranks"), 0U);
  EXPECT_NO_THROW(static_cast<void>(parse(at(3)))) << "the reference lets it pass";
  EXPECT_EQ(refusal(at(4), options), "accepted");
  EXPECT_EQ(refusal(at(16), options), "accepted") << "8 KV heads, each on two ranks";
}

TEST(ClusterErrors, FilesAndSyntax) {
  const RunOptions options;
  const std::string file = ::testing::TempDir() + "lockstep_no_such_cluster.json";
  try {
    static_cast<void>(load_cluster(file, options, own_paths()));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.problem(), "Cluster configuration file '" + file + "' not found.");
  }
  try {
    static_cast<void>(parse_cluster("{\n \"num_nodes\": 1,\n \"nodes\": [,]\n}", "bad.json",
                                    options, own_paths()));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.problem().find("Failed to parse JSON from 'bad.json'."), 0U);
    EXPECT_EQ(error.where().line, 3);
  }
  EXPECT_THROW(static_cast<void>(parse_cluster("", "empty.json", options, own_paths())), UserError);
  EXPECT_THROW(static_cast<void>(parse_cluster("[]", "list.json", options, own_paths())),
               UserError);
  const std::string deep(100000, '[');
  EXPECT_THROW(static_cast<void>(parse_cluster(deep, "deep.json", options, own_paths())),
               UserError);
}

TEST(ClusterErrors, NameTheLine) {
  const std::string text =
      "{\n\"num_nodes\": 1, \"link_bw\": 16,\n\"link_latency\": -1\n,\n\"nodes\":[{"
      "\"num_instances\":1,\n\"cpu_mem\":{\"mem_size\":1,\"mem_bw\":1,\"mem_latency\":0},\n"
      "\"instances\":[{\"model_name\":\"meta-llama/Llama-3.1-8B\",\"hardware\":\"x\",\n"
      "\"npu_mem\":{\"mem_size\":1,\"mem_bw\":1,\"mem_latency\":0},\"pd_type\":null}]}]}";
  try {
    static_cast<void>(parse_cluster(text, "lines.json", {}, own_paths()));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.where(), (Where{"lines.json", 3, "link_latency"}));
  }
}

TEST(ClusterErrors, UnknownKeysAreNotedWithTheLikelyName) {
  Json json = good();
  json["nodes"][0]["instances"][1]["ep_sise"] = 1;
  json["_remark"] = "mine";
  json["nodes"][0]["cpu_mem"]["colour"] = "red";
  const Cluster cluster = parse(json);
  EXPECT_EQ(
      cluster.warnings,
      (std::vector<std::string>{
          "unknown key 'nodes[0].cpu_mem.colour' is ignored",
          "unknown key 'nodes[0].instances[1].ep_sise' is ignored; did you mean 'ep_size'?"}));
  RunOptions strict;
  strict.strict = true;
  EXPECT_EQ(refusal(json, strict).find("unknown key"), 0U);
}

TEST(ClusterErrors, AMisspeltRequiredKeyIsNamed) {
  Json json = without(good(), "/nodes/0/instances/1", "hardware");
  json["nodes"][0]["instances"][1]["hardwere"] = "RTXPRO6000";
  try {
    static_cast<void>(parse(json));
    FAIL();
  } catch (const UserError& error) {
    EXPECT_EQ(error.mend(), "rename 'hardwere' to 'hardware'");
  }
}

TEST(ClusterErrors, RepeatedKeysAreNotedAndTheLastCounts) {
  std::string text = good().dump();
  text.insert(1, "\"link_bw\": 5,");
  const Cluster cluster = parse_cluster(text, "twice.json", {}, own_paths());
  EXPECT_EQ(cluster.network.bandwidth[0], 16);
  EXPECT_EQ(cluster.warnings,
            (std::vector<std::string>{"'link_bw' is given more than once; the last one counts"}));
}

TEST(ClusterErrors, NamesLeadNowhereElse) {
  const std::string one = "/nodes/0/instances/1";
  for (const char* name : {"../../secret/model", "/etc/model", "a/../../b"}) {
    EXPECT_EQ(refusal(changed(good(), one + "/model_name", name)),
              fmt::format("'{}' leads out of the folder that it is looked for in @ "
                          "nodes[0].instances[1].model_name",
                          name));
    EXPECT_EQ(refusal(changed(good(), one + "/hardware", name)),
              fmt::format("'{}' leads out of the folder that it is looked for in @ "
                          "nodes[0].instances[1].hardware",
                          name));
  }
}

}  // namespace
}  // namespace lockstep::testing
