#include "report/opening.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

const Painter opening_painter(80, false);

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string settings(const RunOptions& options, const std::vector<std::string>& kernel_times = {}) {
  return input_configuration(options, "run_1", kernel_times, opening_painter);
}

TEST(Banner, HasNameVersionAndThreeLines) {
  const std::string text = banner("1.2.3", opening_painter);
  EXPECT_TRUE(contains(text, "─ Lockstep 1.2.3 ─"));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_EQ(columns_of(text), 3 * 81);
  EXPECT_TRUE(contains(banner("1.2.3", Painter(80, true)), "\x1b[1;36mLockstep 1.2.3\x1b[0m"));
}

TEST(InputConfiguration, OfTheDefaults) {
  const std::string text = settings(RunOptions{});
  EXPECT_TRUE(text.starts_with("                              Input configuration"));
  for (const char* row :
       {"\n  • Cluster config             : configs/cluster/single_node_single_instance.json\n",
        "\n  • Run ID                     : run_1\n", "\n  • Dataset                    : N/A\n",
        "\n  • Max num seqs               : 128\n", "\n  • Block size (tokens)        : 16\n",
        "\n  • Request routing            : LOAD\n", "\n  • Prefix caching             : ENABLED\n",
        "\n  • Prefix caching scheme      : xPU-Only\n",
        "\n  • Centralized prefix caching : DISABLED\n", "\n  • Log interval (s)           : 1.0\n",
        "\n  • Log level                  : WARNING\n",
        "\n  • Fidelity                   : reference\n",
        "\n  • Expert exchange            : all-gather + reduce-scatter\n",
        "\n  • Kernel times               : N/A\n"}) {
    EXPECT_TRUE(contains(text, row)) << row;
  }
  EXPECT_TRUE(text.ends_with(opening_painter.rule()));
}

TEST(InputConfiguration, OfOtherSettings) {
  RunOptions options;
  options.max_num_seqs = 0;
  options.max_num_batched_tokens = 0;
  options.dataset = "w/x.jsonl";
  options.request_routing_policy = RoutingPolicy::custom;
  options.expert_routing_policy = ExpertRoutingPolicy::round_robin;
  options.prefix_storage = PrefixStorage::cxl;
  options.log_interval = 0.25;
  options.log_level = LogLevel::debug;
  options.fidelity = Fidelity::vllm;
  options.expert_exchange = ExpertExchange::all_to_all;
  const std::string text = settings(options, {"bundle a", "bundle b"});
  for (const char* row :
       {"Max num seqs               : inf\n", "Max batched tokens         : inf\n",
        "Dataset                    : w/x.jsonl\n", "Request routing            : CUSTOM\n",
        "Expert routing             : RR\n", "Prefix caching scheme      : xPU + CXL\n",
        "Log interval (s)           : 0.25\n", "Log level                  : DEBUG\n",
        "Fidelity                   : vllm\n", "Expert exchange            : all-to-all\n",
        "Kernel times               : bundle a\n  •                            : bundle b\n"}) {
    EXPECT_TRUE(contains(text, row)) << row;
  }
}

TEST(KvInitialization, LabelsAreAsWideAsTheWidest) {
  std::vector<NpuKvLayout> capacities(11);
  for (NpuKvLayout& kv : capacities) {
    kv = {100, 16, Bytes{kGiB / 50}, Bytes{0}, Bytes{0}, 0.9};
  }
  const std::string text = kv_initialization(capacities, opening_painter);
  EXPECT_TRUE(contains(
      text, "\n  • Instance [0]  : 1600 tokens / 100 blocks (2.00 GiB/rank at util 0.90)\n"));
  EXPECT_TRUE(contains(
      text, "\n  • Instance [10] : 1600 tokens / 100 blocks (2.00 GiB/rank at util 0.90)\n"));
}

}  // namespace
}  // namespace lockstep
