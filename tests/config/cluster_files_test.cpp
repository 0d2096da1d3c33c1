#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "cluster_support.hpp"
#include "config/backend_files.hpp"

namespace lockstep::testing {
namespace {

struct Row {
  const char* name;
  const char* dims;
  std::int64_t npus;
  const char* starts;
  const char* ends;
};

const std::vector<Row>& table() {
  static const std::vector<Row> rows = {
      {"single_node_single_instance", "[1]", 1, "0,", ""},
      {"single_node_single_instance_H100", "[4]", 4, "0,", "3,"},
      {"single_node_multi_instance", "[1,2]", 2, "0,1,", ""},
      {"single_node_4_instance_2TP", "[2,4]", 8, "0,2,4,6,", "1,3,5,7,"},
      {"dual_node_multi_instance", "[1,4]", 4, "0,1,2,3,", ""},
      {"single_node_pp_instance", "[4]", 4, "0,", "3,"},
      {"single_node_tp_pp_instance", "[2,2]", 4, "0,", "3,"},
      {"single_node_dp_instance", "[2,2]", 4, "0,2,", "1,3,"},
      {"single_node_pd_instance", "[1,3]", 3, "0,2,", "1,"},
      {"single_node_pd_per_instance_config", "[1,3]", 3, "0,2,", "1,"},
      {"single_node_heterogeneous", "[2,3]", 6, "0,4,", "3,5,"},
      {"single_node_moe_single_instance", "[2]", 2, "0,", "1,"},
      {"single_node_moe_multi_instance", "[1,2]", 2, "0,1,", ""},
      {"single_node_moe_pd_instance", "[1,3]", 3, "0,2,", "1,"},
      {"single_node_moe_pp_instance", "[2,2]", 4, "0,", "3,"},
      {"single_node_moe_dp_ep_instance", "[1,2]", 2, "0,1,", ""},
      {"single_node_moe_dp_tp_instance", "[2,2]", 4, "0,2,", "1,3,"},
      {"single_node_moe_dp_pp_instance", "[1,2,2]", 4, "0,2,", "1,3,"},
      {"single_node_moe_dp_tp_pp_instance", "[2,2,2]", 8, "0,4,", "3,7,"},
      {"dual_node_moe_dp_ep_intra_inter_instance", "[2,2]", 4, "0,2,", "1,3,"},
      {"single_node_cxl_instance", "[1]", 1, "0,", ""},
      {"single_node_memory_instance", "[1]", 1, "0,", ""},
      {"single_node_pim_instance", "[1]", 1, "0,", ""},
      {"single_node_power_instance", "[1]", 1, "0,", ""},
      {"rtx4090_single_instance", "[1]", 1, "0,", ""},
      {"rtx4090_multi_instance", "[1,2]", 2, "0,1,", ""},
      {"rtx4090_tp2_instance", "[2]", 2, "0,", "1,"},
  };
  return rows;
}

void expect_row(const Row& row, const Cluster& cluster) {
  std::string starts;
  std::string ends;
  for (const Instance& one : cluster.instances) {
    starts += fmt::format("{},", one.first_npu);
    if (one.width() > 1) {
      ends += fmt::format("{},", one.end_npu());
    }
  }
  EXPECT_EQ(dims(cluster.network), row.dims) << row.name;
  EXPECT_EQ(cluster.total_npus(), row.npus) << row.name;
  EXPECT_EQ(starts, row.starts) << row.name;
  EXPECT_EQ(ends, row.ends) << row.name;
  EXPECT_TRUE(cluster.warnings.empty())
      << row.name << ": " << fmt::format("{}", fmt::join(cluster.warnings, "; "));
}

std::string entry_text(const PlacementEntry& e) {
  return to_string(e.weights) + "/" + to_string(e.kv_loc) + "/" + to_string(e.kv_evict_loc);
}

std::string memory_text(const MemoryFigures& m) {
  return fmt::format("{}/{}/{}", m.size_gb, m.bandwidth, m.latency);
}

/// Everything a run reads of an instance.
std::string instance_text(const Instance& i) {
  std::string text = fmt::format(
      "{} node {} {} {} {} util {} n{} tp{} pp{} ep{} total{} local{} pd{} dp{} {} ", i.id, i.node,
      i.model->name, i.hardware, memory_text(i.npu_mem), i.mem_util, i.num_npus, i.tp, i.pp, i.ep,
      i.ep_total, i.local_ep, static_cast<int>(i.pd), i.dp_group.value_or(-1), place(i));
  text +=
      fmt::format("{} {} {} {} {} {} {}{}{}{}{}{}{} ", i.max_num_seqs, i.max_num_batched_tokens,
                  i.long_prefill_token_threshold, i.block_size, data_type_name(i.dtype),
                  static_cast<int>(i.kv_cache_dtype), i.enable_chunked_prefill,
                  i.enable_prefix_caching, i.reserve_full_isl, i.enable_local_offloading,
                  i.enable_attn_offloading, i.enable_sub_batch_interleaving, i.enable_block_copy);
  text += entry_text(i.placement.default_entry);
  for (const PlacementEntry& entry : i.placement.blocks) {
    text += fmt::format(" {}", entry_text(entry));
  }
  for (const auto& [layer, entry] : i.placement.layers) {
    text += fmt::format(" {}={}", layer_name(layer), entry_text(entry));
  }
  return text;
}

std::string power_text(const PowerConfig& p) {
  std::string text;
  for (const auto& [name, npu] : p.npu) {
    text += fmt::format("{} {} {} {} {} x{} ", name, npu.idle, npu.standby, npu.active,
                        npu.standby_duration, npu.num_npus);
  }
  return text + fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", p.base_node_power,
                            p.cpu_idle, p.cpu_active, p.cpu_util, p.dram_dimm_size, p.dram_idle,
                            p.dram_energy_per_bit, p.dram_mem_size, p.pim_active_power, p.num_links,
                            p.link_idle, p.link_energy_per_bit, p.num_nics, p.nic_idle,
                            p.num_storage, p.storage_idle);
}

std::string cluster_text(const Cluster& c) {
  std::string text;
  for (const Instance& one : c.instances) {
    text += instance_text(one) + "\n";
  }
  for (const Node& one : c.nodes) {
    text += "node " + memory_text(one.cpu_mem) + (one.pim ? " pim " + one.pim->spec : "") +
            (one.power ? " power " + power_text(*one.power) : "") + "\n";
  }
  if (c.cxl) {
    text += fmt::format("cxl {} x{}\n", memory_text(c.cxl->figures), c.cxl->num_devices);
  }
  return text + network_yml(c) + system_json(c) + memory_expansion_json(c);
}

TEST(ClusterFiles, OwnOnesResolveAsTheTableSays) {
  for (const Row& row : table()) {
    expect_row(row, load_own(row.name));
  }
  std::size_t files = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(source_dir() / "configs" / "cluster")) {
    files += entry.path().extension() == ".json" ? 1U : 0U;
  }
  EXPECT_GE(files, table().size());
}

TEST(ClusterFiles, OwnOnesEqualTheReferences) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const SearchPaths paths{{reference / "configs" / "model"}, {reference / "configs" / "pim"}};
  RunOptions offload;
  offload.enable_attn_offloading = true;
  offload.enable_local_offloading = true;
  for (const Row& row : table()) {
    const auto file = reference / "configs" / "cluster" / (std::string(row.name) + ".json");
    const Cluster theirs = load_cluster(file, {}, paths);
    expect_row(row, theirs);
    EXPECT_EQ(cluster_text(load_own(row.name)), cluster_text(theirs)) << row.name;
    if (std::string(row.name) == "single_node_pim_instance") {
      EXPECT_EQ(cluster_text(load_own(row.name, offload)),
                cluster_text(load_cluster(file, offload, paths)));
    }
  }
}

TEST(ClusterFiles, EveryReferenceFileLoadsWithoutAWarning) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const SearchPaths paths{{reference / "configs" / "model"}, {reference / "configs" / "pim"}};
  std::size_t loaded = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(reference)) {
    const std::string path = entry.path().string();
    const bool cluster = entry.path().filename() == "config.json" ||
                         (entry.path().extension() == ".json" &&
                          (path.find("configs/cluster") != std::string::npos ||
                           path.find("vectors/configs") != std::string::npos));
    if (!cluster) {
      continue;
    }
    if (path.find("ep_over_experts") != std::string::npos ||
        path.find("pd_without_decode") != std::string::npos) {
      EXPECT_THROW(static_cast<void>(load_cluster(entry.path(), {}, paths)), UserError);
      continue;
    }
    const Cluster result = load_cluster(entry.path(), {}, paths);
    const bool unlike = path.find("unlike_models") != std::string::npos;
    EXPECT_EQ(result.warnings.size(), unlike ? 1U : 0U)
        << path << fmt::format(" {}", fmt::join(result.warnings, "; "));
    ++loaded;
  }
  EXPECT_GE(loaded, 300U);
}

TEST(ClusterFiles, DataParallelExperts) {
  const Cluster c = load_own("single_node_moe_dp_ep_instance");
  EXPECT_EQ(place(c.instances[0]), "0-0 tp 1,0 ep 0,1");
  EXPECT_EQ(place(c.instances[1]), "1-1 tp 1,0 ep 0,1");
  EXPECT_EQ(c.instances[1].ep_total, 2);
  EXPECT_EQ(c.instances[1].local_ep, 1);
  EXPECT_EQ(c.instances[1].dtype, DataType::bfloat16);
  EXPECT_EQ(entry_text(c.instances[0].placement.default_entry), "LOCAL/LOCAL/REMOTE:0");
  EXPECT_EQ(c.local_mem_bandwidth, 1597);
  EXPECT_FALSE(c.power);
  EXPECT_EQ(network_yml(c),
            "topology: [FullyConnected, FullyConnected]\nnpus_count: [1, 2]\n"
            "bandwidth: [16.0, 16.0]\nlatency: [20000.0, 20000.0]\n");
  EXPECT_EQ(memory_expansion_json(c),
            "{\n  \"remote_mem\": {\n    \"memory-type\": \"PER_NODE_MEMORY_EXPANSION\",\n"
            "    \"mem-bw\": 256,\n    \"mem-latency\": 0,\n    \"num-devices\": 1\n  }\n}");
  const std::string rings = "-implementation\": [\n    \"ring\",\n    \"ring\"\n  ],\n";
  EXPECT_EQ(system_json(c),
            "{\n  \"scheduling-policy\": \"LIFO\",\n  \"endpoint-delay\": 10,\n"
            "  \"active-chunks-per-dimension\": 1,\n  \"preferred-dataset-splits\": 1,\n"
            "  \"all-reduce" +
                rings + "  \"all-gather" + rings + "  \"reduce-scatter" + rings + "  \"all-to-all" +
                rings +
                "  \"collective-optimization\": \"localBWAware\",\n  \"local-mem-bw\": 1597,\n"
                "  \"boost-mode\": 0\n}");
}

TEST(ClusterFiles, LinksPerDimensionOverTwoNodes) {
  const Cluster c = load_own("dual_node_moe_dp_ep_intra_inter_instance");
  EXPECT_EQ(network_yml(c),
            "topology: [FullyConnected, FullyConnected]\nnpus_count: [2, 2]\n"
            "bandwidth: [128.0, 16.0]\nlatency: [500.0, 20000.0]\n");
  EXPECT_EQ(place(c.instances[1]), "2-3 tp 1,0 ep 1,1");
  EXPECT_NE(memory_expansion_json(c).find("\"num-devices\": 2"), std::string::npos);
}

TEST(ClusterFiles, MemoryLevels) {
  RunOptions options;
  const std::string cxl = memory_expansion_json(load_own("single_node_cxl_instance", options));
  EXPECT_EQ(
      cxl.find("{\n  \"cxl_mem\": {\n    \"memory-type\": \"MEMORY_POOL\",\n    \"mem-bw\": 60,\n"
               "    \"mem-latency\": 250,\n    \"num-devices\": 4\n  },\n  \"remote_mem\""),
      0U);
  options.enable_attn_offloading = true;
  const std::string pim = memory_expansion_json(load_own("single_node_pim_instance", options));
  EXPECT_NE(pim.find("\"mem-bw\": 1638.4,\n    \"mem-latency\": 13.86,\n    \"num-devices\": 1,\n"
                     "    \"pim-channels\": 64.0"),
            std::string::npos)
      << pim;
  options = {};
  options.enable_local_offloading = true;
  const std::string local = memory_expansion_json(load_own("rtx4090_tp2_instance", options));
  EXPECT_NE(local.find("\"local_mem\": {\n    \"memory-type\": \"PER_NPU_MEMORY_EXPANSION\",\n"
                       "    \"mem-bw\": 1008"),
            std::string::npos);
}

TEST(ClusterFiles, ReductionBandwidthIsCutUnderReference) {
  Json json = cluster_of({instance(kDense)});
  json["nodes"][0]["instances"][0]["npu_mem"]["mem_bw"] = 1008.9;
  EXPECT_EQ(parse(json).local_mem_bandwidth, 1008);
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  EXPECT_EQ(parse(json, options).local_mem_bandwidth, 1008.9);
}

}  // namespace
}  // namespace lockstep::testing
