// The `network` object of a cluster file.
#include "config/network_settings.hpp"

#include "cluster_support.hpp"
#include "config/backend_files.hpp"

namespace lockstep::testing {
namespace {

Json with_network(const Json& network,
                  Json json = cluster_of({instance(kDense, {{"tp_size", 4}})})) {
  json["network"] = network;
  return json;
}

TEST(NetworkSettings, DefaultsAreFullMeshesAndRings) {
  for (const Json& network : {Json(nullptr), Json::object()}) {
    const NetworkSettings settings = parse(with_network(network)).network_settings;
    EXPECT_EQ(settings.topology_of(3), TopologyKind::fully_connected);
    EXPECT_EQ(settings.algorithm_of(3), CollectiveAlgorithm{});
    EXPECT_TRUE(settings.bandwidth_aware);
    EXPECT_EQ(settings.streams, StreamSettings{});
    EXPECT_EQ(settings.endpoint_delay, Nanos{10});
    EXPECT_FALSE(settings.congestion_aware);
  }
}

TEST(NetworkSettings, EveryKeyIsRead) {
  const Cluster cluster = parse(with_network({{"topology", "Switch"},
                                              {"collective_algorithm", "direct2"},
                                              {"collective_optimization", "baseline"},
                                              {"scheduling_policy", "FIFO"},
                                              {"dataset_splits", 4},
                                              {"active_chunks", 3},
                                              {"queues_per_dim", 2},
                                              {"endpoint_delay", 0},
                                              {"congestion", "aware"}}));
  const NetworkSettings& settings = cluster.network_settings;
  EXPECT_EQ(settings.topology_of(0), TopologyKind::switch_);
  EXPECT_EQ(algorithm_name(settings.algorithm_of(0)), "direct2");
  EXPECT_FALSE(settings.bandwidth_aware);
  EXPECT_EQ(settings.streams, (StreamSettings{SchedulingPolicy::fifo, 4, 3, 2}));
  EXPECT_EQ(settings.endpoint_delay, Nanos{0});
  EXPECT_TRUE(settings.congestion_aware);
  EXPECT_TRUE(cluster.warnings.empty());

  EXPECT_EQ(network_yml(cluster).substr(0, 19), "topology: [Switch]\n");
  const Json system = Json::parse(system_json(cluster));
  EXPECT_EQ(system["scheduling-policy"], "FIFO");
  EXPECT_EQ(system["endpoint-delay"], 0);
  EXPECT_EQ(system["active-chunks-per-dimension"], 3);
  EXPECT_EQ(system["preferred-dataset-splits"], 4);
  EXPECT_EQ(system["all-reduce-implementation"], Json::array({"direct2"}));
  EXPECT_EQ(system["collective-optimization"], "baseline");
}

TEST(NetworkSettings, ListsGoByDimension) {
  const Json two = cluster_of(times(2, instance(kDense, {{"tp_size", 2}})));
  const Cluster cluster = parse(with_network(
      {{"topology", {"Ring", "Switch"}}, {"collective_algorithm", {"direct", "ring"}}}, two));
  EXPECT_EQ(network_yml(cluster).substr(0, 25), "topology: [Ring, Switch]\n");
  EXPECT_EQ(algorithm_name(cluster.network_settings.algorithm_of(0)), "direct");
  EXPECT_EQ(algorithm_name(cluster.network_settings.algorithm_of(1)), "ring");
  EXPECT_EQ(Json::parse(system_json(cluster))["all-gather-implementation"],
            Json::array({"direct", "ring"}));
}

TEST(NetworkSettings, WrongValuesAreRefused) {
  const std::vector<std::pair<Json, std::string>> cases = {
      {{{"topology", "Swich"}},
       "unknown topology 'Swich'; did you mean 'Switch'? @ network.topology"},
      {{{"topology", {"Ring", "Ring"}}}, "2 entries for 1 network dimensions @ network.topology"},
      {{{"collective_algorithm", "rings"}},
       "unknown collective algorithm 'rings'; did you mean 'ring'? @ "
       "network.collective_algorithm"},
      {{{"collective_optimization", "baselin"}},
       "unknown collective optimization 'baselin'; did you mean 'baseline'? @ "
       "network.collective_optimization"},
      {{{"scheduling_policy", "FILO"}},
       "unknown scheduling policy 'FILO'; did you mean 'FIFO'? @ network.scheduling_policy"},
      {{{"congestion", "awar"}},
       "unknown congestion 'awar'; did you mean 'aware'? @ network.congestion"},
  };
  for (const auto& [network, expected] : cases) {
    EXPECT_EQ(refusal(with_network(network)), expected);
  }
  for (const char* key : {"dataset_splits", "active_chunks", "queues_per_dim"}) {
    EXPECT_NE(refusal(with_network({{key, 0}})).find(fmt::format("@ network.{}", key)),
              std::string::npos);
  }
  EXPECT_NE(refusal(with_network({{"endpoint_delay", -1}})).find("@ network.endpoint_delay"),
            std::string::npos);
  EXPECT_NE(refusal(with_network({1})).find("@ network"), std::string::npos);
}

TEST(NetworkSettings, WhatTheGridCannotHaveIsRefused) {
  const Json two = cluster_of(times(2, instance(kDense, {{"tp_size", 2}})));
  EXPECT_EQ(refusal(with_network({{"congestion", "aware"}}, two)),
            "a congestion-aware network has one dimension, this cluster's is [2, 2] @ "
            "network.congestion");
  EXPECT_EQ(refusal(with_network({{"collective_algorithm", "oneRing"}}, two)),
            "'oneRing' would join NPUs of several instances or pipeline stages @ "
            "network.collective_algorithm");
  EXPECT_EQ(refusal(with_network({{"collective_algorithm", {"oneRing", "ring"}}}, two)),
            "an algorithm over all dimensions at once stands in a list by dimension @ "
            "network.collective_algorithm");
  // Three instances: the dimension that joins them is spanned by no collective.
  const Json three = cluster_of(times(3, instance(kDense, {{"tp_size", 2}})));
  EXPECT_EQ(refusal(with_network({{"collective_algorithm", "halvingDoubling"}}, three)),
            "accepted");
  const Json six = cluster_of({instance(kDense, {{"tp_size", 6}})});
  EXPECT_EQ(refusal(with_network({{"collective_algorithm", "halvingDoubling"}}, six)),
            "'halvingDoubling' needs a power of two of NPUs, dimension 0 has 6 @ "
            "network.collective_algorithm");
}

TEST(NetworkSettings, UnknownKeysAreNoticed) {
  const Cluster cluster = parse(with_network({{"endpoint_dely", 3}}));
  ASSERT_EQ(cluster.warnings.size(), 1U);
  EXPECT_EQ(cluster.warnings[0],
            "unknown key 'network.endpoint_dely' is ignored; did you mean 'endpoint_delay'?");
}

}  // namespace
}  // namespace lockstep::testing
