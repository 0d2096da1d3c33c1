// Small clusters for the tests, built as JSON and changed one key at a time.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/cluster.hpp"
#include "reference_data.hpp"

namespace lockstep::testing {

using Json = nlohmann::ordered_json;

inline constexpr const char* kDense = "meta-llama/Llama-3.1-8B";
inline constexpr const char* kMoe = "Qwen/Qwen3-30B-A3B-Instruct-2507";

inline SearchPaths own_paths() {
  return {{source_dir() / "configs" / "model"}, {source_dir() / "configs" / "pim"}};
}

/// An instance of `model` with further keys, such as {{"tp_size", 2}}.
inline Json instance(const char* model, const Json& more = Json::object()) {
  Json json{{"model_name", model},
            {"hardware", "RTXPRO6000"},
            {"npu_mem", {{"mem_size", 96}, {"mem_bw", 1597}, {"mem_latency", 0}}},
            {"pd_type", nullptr}};
  for (const auto& item : more.items()) {
    json[item.key()] = item.value();
  }
  return json;
}

inline Json node(const std::vector<Json>& instances) {
  return {{"num_instances", instances.size()},
          {"cpu_mem", {{"mem_size", 512}, {"mem_bw", 256}, {"mem_latency", 0}}},
          {"instances", instances}};
}

inline Json cluster_of_nodes(const std::vector<Json>& nodes) {
  return {{"num_nodes", nodes.size()}, {"link_bw", 16}, {"link_latency", 20000}, {"nodes", nodes}};
}

inline Json cluster_of(const std::vector<Json>& instances) {
  return cluster_of_nodes({node(instances)});
}

inline Json times(int count, const Json& one) {
  Json list = Json::array();
  for (int i = 0; i < count; ++i) {
    list.push_back(one);
  }
  return list;
}

inline Cluster parse(const Json& json, const RunOptions& options = {}) {
  return parse_cluster(json.dump(1), "test.json", options, own_paths());
}

inline Cluster load_own(const std::string& name, const RunOptions& options = {}) {
  return load_cluster(source_dir() / "configs" / "cluster" / (name + ".json"), options,
                      own_paths());
}

/// The error of a cluster that has to be refused: "<problem> @ <path>".
inline std::string refusal(const Json& json, const RunOptions& options = {}) {
  try {
    static_cast<void>(parse(json, options));
  } catch (const UserError& error) {
    EXPECT_FALSE(error.mend().empty()) << error.problem();
    return fmt::format("{} @ {}", error.problem(), error.where().path);
  }
  return "accepted";
}

inline std::string dims(const NetworkDims& network) {
  return fmt::format("[{}]", fmt::join(network.npus, ","));
}

/// "<first NPU>-<last NPU> tp <mask> ep <mask>", "all" for no mask.
inline std::string place(const Instance& one) {
  const auto mask = [](const DimMask& m) { return m.given() ? to_string(m) : "all"; };
  return fmt::format("{}-{} tp {} ep {}", one.first_npu, one.end_npu(), mask(one.tp_mask),
                     mask(one.ep_mask));
}

}  // namespace lockstep::testing
