// Settings and KV capacities of all logs are read into options and printed again.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "reference_data.hpp"
#include "reference_logs.hpp"
#include "report/opening.hpp"

namespace lockstep {
namespace {

using testing::ReferenceLog;

/// Label of a row of settings; empty for other lines.
std::string label_of(const std::string& line) {
  if (!line.starts_with("  • ")) {
    return {};
  }
  const std::string label = line.substr(6, line.find(" : ") - 6);
  return label.substr(0, label.find_last_not_of(' ') + 1);
}

/// Values of the settings by label.
std::map<std::string, std::string> settings_of(const ReferenceLog& log, std::size_t end) {
  std::map<std::string, std::string> settings;
  for (std::size_t i = 0; i < end; ++i) {
    const std::string label = label_of(log.plain[i]);
    if (!label.empty()) {
      settings[label] = log.plain[i].substr(log.plain[i].find(" : ") + 3);
    }
  }
  return settings;
}

RoutingPolicy routing_of(const std::string& text) {
  return text == "LOAD"   ? RoutingPolicy::load
         : text == "RR"   ? RoutingPolicy::round_robin
         : text == "RAND" ? RoutingPolicy::random
                          : RoutingPolicy::custom;
}

ExpertRoutingPolicy expert_routing_of(const std::string& text) {
  return text == "BALANCED" ? ExpertRoutingPolicy::balanced
         : text == "RR"     ? ExpertRoutingPolicy::round_robin
         : text == "RAND"   ? ExpertRoutingPolicy::random
                            : ExpertRoutingPolicy::custom;
}

RunOptions options_of(std::map<std::string, std::string> settings) {
  const auto on = [&settings](const char* label) { return settings[label] == "ENABLED"; };
  const auto number = [&settings](const char* label) {
    return std::atoll(settings[label].c_str());
  };
  RunOptions options;
  options.cluster_config = settings["Cluster config"];
  options.dataset = settings["Dataset"];
  options.max_num_seqs = number("Max num seqs");
  options.max_num_batched_tokens = number("Max batched tokens");
  options.block_size = number("Block size (tokens)");
  options.request_routing_policy = routing_of(settings["Request routing"]);
  options.expert_routing_policy = expert_routing_of(settings["Expert routing"]);
  options.enable_prefix_caching = on("Prefix caching");
  options.enable_chunked_prefill = on("Chunked prefill");
  options.prefix_storage = settings["Prefix caching scheme"] == "xPU + CPU"   ? PrefixStorage::cpu
                           : settings["Prefix caching scheme"] == "xPU + CXL" ? PrefixStorage::cxl
                                                                              : PrefixStorage::none;
  options.enable_prefix_sharing = on("Centralized prefix caching");
  options.enable_attn_offloading = on("Offload attention to PIM");
  options.enable_sub_batch_interleaving = on("Sub-batch interleaving");
  options.network_backend = settings["Network backend"];
  options.log_interval = std::strtod(settings["Log interval (s)"].c_str(), nullptr);
  options.log_level = settings["Log level"] == "INFO"    ? LogLevel::info
                      : settings["Log level"] == "DEBUG" ? LogLevel::debug
                                                         : LogLevel::warning;
  return options;
}

/// The rows among `lines` whose label the log has, too (some logs leave out what differs from run
/// to run), without the one that this program does not have.
std::vector<std::string> shared_rows(const std::vector<std::string>& lines, std::size_t end,
                                     const std::map<std::string, std::string>& settings) {
  std::vector<std::string> rows;
  for (std::size_t i = 0; i < end; ++i) {
    const std::string label = label_of(testing::without_escapes(lines[i]));
    if (settings.contains(label) && label.find("inputs root") == std::string::npos) {
      rows.push_back(lines[i]);
    }
  }
  return rows;
}

NpuKvLayout capacity_of(const std::string& line) {
  NpuKvLayout kv;
  std::int64_t tokens = 0;
  double gib = 0;
  std::sscanf(line.c_str() + line.find(" : ") + 3,
              "%ld tokens / %ld blocks (%lf GiB/rank at util %lf", &tokens, &kv.blocks, &gib,
              &kv.utilization);
  kv.block_size = tokens / kv.blocks;
  kv.bytes_per_block =
      Bytes{std::llround(gib * static_cast<double>(kGiB) / static_cast<double>(kv.blocks))};
  return kv;
}

TEST(OpeningConformance, SettingsAndCapacitiesArePrintedAsTheyWere) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::size_t compared = 0;
  for (const auto& file : testing::all_logs(reference)) {
    const ReferenceLog log(file);
    const std::size_t heading = log.find("KV Cache Initialization");
    if (heading == log.plain.size()) {
      continue;
    }
    const Painter painter(80, log.coloured);
    const auto settings = settings_of(log, heading);
    const auto run_id = settings.contains("Run ID") ? settings.at("Run ID") : "";
    const auto mine =
        testing::lines_of(input_configuration(options_of(settings), run_id, {"x"}, painter));
    const auto rows = shared_rows(mine, mine.size(), settings);
    EXPECT_EQ(rows, shared_rows(log.raw, heading, settings)) << file;
    EXPECT_GE(rows.size(), 14U) << file;

    std::vector<NpuKvLayout> capacities;
    std::size_t end = heading + 2;
    for (; log.plain[end].starts_with("  • "); ++end) {
      capacities.push_back(capacity_of(log.plain[end]));
    }
    EXPECT_EQ(kv_initialization(capacities, painter), log.text(heading, end + 1)) << file;
    ++compared;
  }
  std::printf("%zu openings\n", compared);
  EXPECT_GE(compared, 19U);
}

}  // namespace
}  // namespace lockstep
