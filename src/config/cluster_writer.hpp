// Cluster files made from what a server is started with, and back.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "config/serve_arguments.hpp"

namespace lockstep {

/// What a serve command does not say.
struct ServerMachine {
  std::string hardware;
  double memory_gib = 0;        ///< of one GPU
  double memory_bandwidth = 0;  ///< GB/s
  double link_bandwidth = 0;    ///< GB/s, one direction
  double link_latency_ns = 500;
  double host_memory_gib = 512;
  double host_bandwidth = 256;  ///< GB/s
  std::string link_remark;      ///< where the link's figures come from
};

/// One instance a data-parallel rank. Keys that begin with an underscore explain the others.
[[nodiscard]] nlohmann::ordered_json cluster_json(const ServeArguments& arguments,
                                                  const ServerMachine& machine);

/// The servers that would build a cluster: one for every DP group and every other instance.
struct ServerOfCluster {
  ServeArguments arguments;
  std::vector<std::int32_t> instances;
  std::vector<std::int64_t> gpus;  ///< of the first instance's node, counted from 0
  bool alone = true;               ///< no other server shares a node with it
  std::string role;                ///< "", "prefill" or "decode"
  std::vector<std::string> notes;  ///< what the command cannot say
};
[[nodiscard]] std::vector<ServerOfCluster> servers_of(const Cluster& cluster);

}  // namespace lockstep
