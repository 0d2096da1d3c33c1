#include <fstream>

#include "cluster_support.hpp"
#include "config/pim_device.hpp"

namespace lockstep::testing {
namespace {

PimDevice device(const std::string& name, double mem_size) {
  return read_pim_device(own_paths().pim[0] / (name + ".ini"), mem_size);
}

struct PimRow {
  const char* name;
  double mem_size, dimm, channel, bandwidth, latency;
  std::int64_t channels;
  double idle, active;
};

TEST(PimDevice, DerivedFigures) {
  const std::vector<PimRow> rows = {
      {"DDR4_8GB_3200_pim", 512, 8.0, 25.6, 1638.4, 13.86, 64, 0.623, 3.803},
      {"DDR4_8GB_3200_pim", 100, 8.0, 25.6, 320.0, 13.86, 12, 0.623, 3.803},
      {"HBM2_1GB_2000_pim", 64, 1.0, 32.0, 2048.0, 14, 64, 0.16, 0.76},
      {"HBM2_1GB_2000_pim", 512, 1.0, 32.0, 16384.0, 14, 512, 0.16, 0.76},
      {"LPDDR4X_2GB_4266_pim", 64, 2.0, 8.532, 273.024, 16.848000000000003, 32, 0.07, 0.771},
      {"LPDDR4X_2GB_4266_pim", 512, 2.0, 8.532, 2184.192, 16.848000000000003, 256, 0.07, 0.771},
      {"LPDDR5_2GB_6400_pim", 64, 2.0, 12.8, 409.6, 10.625, 32, 0.071, 0.877},
      {"LPDDR5_2GB_6400_pim", 512, 2.0, 12.8, 3276.8, 10.625, 256, 0.071, 0.877},
  };
  for (const PimRow& row : rows) {
    const PimDevice d = device(row.name, row.mem_size);
    EXPECT_EQ(d.spec, row.name);
    EXPECT_EQ(d.dimm_size_gb, row.dimm) << row.name;
    EXPECT_EQ(d.channel_bandwidth, row.channel) << row.name;
    EXPECT_EQ(d.mem_bandwidth, row.bandwidth) << row.name;
    EXPECT_EQ(d.mem_latency, row.latency) << row.name;
    EXPECT_EQ(d.channels, row.channels) << row.name;
    EXPECT_EQ(d.idle_power, row.idle) << row.name;
    EXPECT_EQ(d.active_power, row.active) << row.name;
  }
}

TEST(PimDevice, AttentionLatency) {
  struct Call {
    std::int64_t heads, kv, dim, length, split;
    std::vector<double> ddr4_hbm2_lpddr4x_lpddr5;
  };
  const std::vector<Call> calls = {
      {32, 8, 128, 1, 8, {3876.0659625, 1844.4445375, 4293.8274, 2034.8919500000002}},
      {32, 8, 128, 10, 8, {4250.9764875, 2116.7561875, 4780.328925, 2352.6299750000003}},
      {32, 8, 128, 100, 4, {16000.163475000001, 9679.745375, 19290.68835, 11060.02045}},
      {32, 8, 128, 800, 4, {74319.57847500002, 52039.335375, 94968.70335, 60485.935450000004}},
      {32, 4, 128, 500, 4, {90982.26847499999, 64142.075375, 116590.99335, 74607.62545}},
      {64, 8, 128, 500, 8, {49325.543475, 33885.225375, 62535.268350000006, 39303.40045000001}},
      {32, 8, 128, 2048, 1, {713179.0563, 510241.7319, 919567.1718, 594421.1242000001}},
      {32, 8, 128, 1024, 1, {371927.1651, 262377.6167, 476742.67260000005, 305208.913}},
  };
  const std::vector<std::string> names = {"DDR4_8GB_3200_pim", "HBM2_1GB_2000_pim",
                                          "LPDDR4X_2GB_4266_pim", "LPDDR5_2GB_6400_pim"};
  for (const Call& call : calls) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      EXPECT_EQ(device(names[i], 512)
                    .attention_latency(call.heads, call.kv, call.dim, call.length, call.split),
                call.ddr4_hbm2_lpddr4x_lpddr5[i])
          << names[i] << " " << call.length;
    }
  }
}

TEST(PimDevice, FilesOfOnesOwn) {
  const std::filesystem::path file = std::filesystem::path(::testing::TempDir()) / "My.dev.ini";
  const auto write = [&](const std::string& extra) {
    std::ofstream(file) << "; remark\n[a]\nbankgroups=2 # two\nbanks_per_group = 4\nrows = 65536\n"
                           "columns = 1024\ndevice_width = 16\nno equals sign\nCL = 22\n"
                           "tCK = 0.63\nchannel_size = 1\nchannel_size = 8192\nbus_width = 64\n"
                        << extra;
  };
  write("data_rate = 3200\n");
  const PimDevice d = read_pim_device(file, 512);
  EXPECT_EQ(d.spec, "My");
  EXPECT_EQ(d.mem_bandwidth, 1638.4);
  EXPECT_EQ(d.idle_power, 0);
  EXPECT_THROW(static_cast<void>(d.attention_latency(32, 8, 128, 1, 1)), UserError);
  write("");
  EXPECT_THROW(static_cast<void>(read_pim_device(file, 512)), UserError);
  write("data_rate = 1e3\n");
  EXPECT_THROW(static_cast<void>(read_pim_device(file, 512)), UserError);
  write("data_rate = 3200\n");
  EXPECT_THROW(static_cast<void>(read_pim_device(file, 1)), UserError);
}

TEST(PimDevice, ReplacesTheHostMemoryAndSaysSo) {
  RunOptions options;
  options.enable_attn_offloading = true;
  const Cluster cluster = load_own("single_node_pim_instance", options);
  EXPECT_EQ(cluster.nodes[0].cpu_mem.bandwidth, 1638.4);
  EXPECT_EQ(cluster.nodes[0].cpu_mem.latency, 13.86);
  EXPECT_EQ(cluster.nodes[0].power->dram_dimm_size, 8);
  EXPECT_EQ(cluster.nodes[0].power->dram_idle, 0.623);
  EXPECT_EQ(cluster.nodes[0].power->pim_active_power, 3.803);
  EXPECT_EQ(
      cluster.warnings,
      (std::vector<std::string>{
          "'mem_bw' in 'cpu_mem' configuration will be overwritten by 1638.4 in 'pim_config'.",
          "'mem_latency' in 'cpu_mem' configuration will be overwritten by 13.86 in 'pim_config'.",
          "'dimm_size' in 'dram' power configuration will be overwritten by 8.0 in 'pim_config'.",
          "'idle_power' in 'dram' power configuration will be overwritten by 0.623 in "
          "'pim_config'."}));
  const Cluster off = load_own("single_node_pim_instance");
  EXPECT_FALSE(off.nodes[0].pim);
  EXPECT_EQ(off.nodes[0].cpu_mem.bandwidth, 256);
}

TEST(PimDevice, IsNeededOnEveryNodeOnceOneInstanceOffloads) {
  Json json = cluster_of({instance(kDense), instance(kDense, {{"enable_attn_offloading", true}})});
  EXPECT_EQ(refusal(json),
            "Missing 'pim_config' in 'cpu_mem' configuration while attention offloading is "
            "enabled. @ nodes[0].cpu_mem");
  json["nodes"][0]["cpu_mem"]["pim_config"] = "DDR5";
  EXPECT_EQ(refusal(json).find("PIM description 'DDR5' not found. Checked: "), 0U);
}

Json with_power() {
  Json json = cluster_of({instance(kDense, {{"tp_size", 2}}), instance(kDense)});
  json["nodes"][0]["power"] = {
      {"base_node_power", 60},
      {"npu",
       {{"RTXPRO6000",
         {{"idle_power", 35},
          {"standby_power", 300},
          {"active_power", 600},
          {"standby_duration", 18}}},
        {"Spare",
         {{"idle_power", 1}, {"standby_power", 1}, {"active_power", 1}, {"standby_duration", 1}}}}},
      {"cpu", {{"idle_power", 10}, {"active_power", 200}, {"util", 0.15}}},
      {"dram", {{"dimm_size", 32}, {"idle_power", 2.0}, {"energy_per_bit", 6.0}}},
      {"link", {{"num_links", 1}, {"idle_power", 5}, {"energy_per_bit", 4.0}}},
      {"nic", {{"num_nics", 1}, {"idle_power", 20}}},
      {"storage", {{"num_devices", 2}, {"idle_power", 5}}}};
  return json;
}

TEST(Power, CountsTheNpusOfEachHardware) {
  const Cluster cluster = parse(with_power());
  EXPECT_TRUE(cluster.power);
  const PowerConfig& power = *cluster.nodes[0].power;
  ASSERT_EQ(power.npu.size(), 1U);
  EXPECT_EQ(power.npu.at("RTXPRO6000").num_npus, 3);
  EXPECT_EQ(power.dram_mem_size, 512);
  EXPECT_EQ(power.num_storage, 2);
  EXPECT_EQ(cluster.warnings,
            (std::vector<std::string>{
                "nodes[0].power.npu.Spare is not used by any instance of its node"}));
}

TEST(Power, AllNodesOrNone) {
  Json json = with_power();
  json["nodes"].push_back(node({instance(kDense)}));
  json["num_nodes"] = 2;
  const Cluster cluster = parse(json);
  EXPECT_FALSE(cluster.power);
  EXPECT_FALSE(cluster.nodes[0].power);
  EXPECT_EQ(cluster.warnings.size(), 1U);
}

TEST(Power, MissingKeys) {
  const auto without = [](const std::string& parent, const std::string& key) {
    Json json = with_power();
    json[Json::json_pointer("/nodes/0/power" + parent)].erase(key);
    return refusal(json);
  };
  const std::string place = " @ nodes[0].power";
  EXPECT_EQ(without("", "base_node_power"),
            "Missing required key 'base_node_power' in power configuration." + place);
  EXPECT_EQ(without("/npu", "RTXPRO6000"),
            "Missing power configuration for npu hardware 'RTXPRO6000'." + place + ".npu");
  EXPECT_EQ(without("/npu/RTXPRO6000", "active_power"),
            "Missing required key 'active_power' in npu 'RTXPRO6000' power configuration." + place +
                ".npu.RTXPRO6000");
  EXPECT_EQ(without("/cpu", "util"),
            "Missing required key 'util' in cpu power configuration." + place + ".cpu");
  EXPECT_EQ(without("/dram", "dimm_size"),
            "Missing required key 'dimm_size' in dram power configuration." + place + ".dram");
  EXPECT_EQ(
      without("/storage", "num_devices"),
      "Missing required key 'num_devices' in storage power configuration." + place + ".storage");
}

}  // namespace
}  // namespace lockstep::testing
