// The recorded runs, batch for batch: what the scheduler, the KV cache and the router decide when
// they are asked at the recorded times.
#include <gtest/gtest.h>

#include <iostream>

#include "reference_data.hpp"
#include "replay_reader.hpp"
#include "replayer.hpp"

namespace lockstep::testing {
namespace {

std::string read_text(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool has_pipeline(const Cluster& cluster) {
  return std::any_of(cluster.instances.begin(), cluster.instances.end(),
                     [](const Instance& instance) { return instance.pp > 1; });
}

ReplayOutcome replayed;

void expect_equal(const std::string& name, const ReplayFiles& files,
                  const std::filesystem::path& reference) {
  SCOPED_TRACE(name);
  ReplayOutcome outcome;
  try {
    const Recording recording = read_recording(files, reference);
    if (has_pipeline(recording.cluster)) {
      return;
    }
    outcome = Replay(recording).run();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
    return;
  }
  EXPECT_TRUE(outcome.equal()) << outcome.equal_batches << " of " << outcome.batches << " batches, "
                               << outcome.equal_requests << " of " << outcome.requests
                               << " requests; " << outcome.first_difference;
  replayed.batches += outcome.batches;
  replayed.equal_batches += outcome.equal_batches;
  replayed.requests += outcome.requests;
  replayed.equal_requests += outcome.equal_requests;
}

void print_total() {
  std::cout << replayed.equal_batches << " of " << replayed.batches << " batches and "
            << replayed.equal_requests << " of " << replayed.requests << " requests equal\n";
  replayed = {};
}

void replay_folder(const std::filesystem::path& folder, const std::filesystem::path& reference) {
  std::set<std::filesystem::path> cases;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (std::filesystem::exists(entry.path() / "iterations.csv") &&
        std::filesystem::exists(entry.path() / "out.csv")) {
      cases.insert(entry.path());
    }
  }
  EXPECT_FALSE(cases.empty());
  for (const auto& path : cases) {
    expect_equal(path.filename().string(),
                 {path / "config.json", path / "workload.jsonl", path / "iterations.csv",
                  path / "out.csv", read_text(path / "flags.txt"), 0},
                 reference);
  }
  print_total();
}

TEST(Replay, ChosenRuns) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  replay_folder(reference / "vectors/more", reference);
}

TEST(Replay, RunsOfOtherNumberTypes) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  replay_folder(reference / "vectors/quant", reference);
}

struct NamedRun {
  const char *name, *config, *workload, *flags;
  std::int64_t num_reqs;
};

constexpr const char* kSingle = "configs/cluster/single_node_single_instance";
constexpr const char* kExample = "workloads/example_trace";
constexpr const char* kSmall = "vectors/configs/small_kv";

TEST(Replay, TracedRuns) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const char* chunked = "vectors/workloads/chunked";
  const char* preempt = "vectors/workloads/preempt";
  const char* prefix = "vectors/workloads/prefix";
  const char* evict = "vectors/workloads/prefix_evict";
  const char* wave = "configs/cluster/single_node_moe_dp_ep_instance";
  const std::vector<NamedRun> runs{
      {"dense_tp1", kSingle, kExample, "", 10},
      {"dense_tp2", "vectors/configs/dense_tp2", kExample, "", 4},
      {"moe_tp2_ep2", "vectors/configs/moe_tp2_ep2", kExample, "", 4},
      {"dp_ep_session", wave, "vectors/dp_ep_session", "", 1},
      {"dp_ep_2sessions", wave, "vectors/dp_ep_2sessions", "", 2},
      {"pd", "configs/cluster/single_node_pd_instance", kExample, "", 4},
      {"chunked", kSingle, chunked, "", 0},
      {"chunked_threshold", kSingle, chunked,
       "--long-prefill-token-threshold 256 --max-num-batched-tokens 1024", 0},
      {"preempt", kSmall, preempt, "", 0},
      {"preempt_noisl", kSmall, preempt, "--no-reserve-full-isl", 0},
      {"prefix_npu", kSmall, prefix, "", 0},
      {"prefix_off", kSmall, prefix, "--no-enable-prefix-caching", 0},
      {"prefix_evict_npu", kSmall, evict, "", 0},
      {"prefix_evict_cpu", kSmall, evict, "--prefix-storage CPU", 0},
      {"prefix_evict_cpu_shared", "vectors/configs/small_kv_2inst", evict,
       "--enable-prefix-sharing --prefix-storage CPU", 0},
  };
  for (const NamedRun& run : runs) {
    const auto folder = reference / "vectors/traces" / run.name;
    expect_equal(run.name,
                 {reference / (std::string(run.config) + ".json"),
                  reference / (std::string(run.workload) + ".jsonl"), folder / "iterations.csv",
                  folder / "requests.csv", run.flags, run.num_reqs},
                 reference);
  }
  print_total();
}

TEST(Replay, RunsWithOneFlagChanged) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const char* multi = "configs/cluster/single_node_multi_instance";
  const char* chat = "workloads/sharegpt-llama-3.1-8b-300-sps10";
  const std::vector<NamedRun> runs{
      {"multi_rr", multi, kExample, "--request-routing-policy RR", 10},
      {"multi_rand", multi, kExample, "--request-routing-policy RAND", 10},
      {"max_num_seqs_2", kSingle, kExample, "--max-num-seqs 2", 10},
      {"max_tokens_64", kSingle, "vectors/workloads/chunked", "--max-num-batched-tokens 64", 0},
      {"skip_prefill", kSingle, kExample, "--skip-prefill", 10},
      {"block_32", kSmall, "vectors/workloads/prefix", "--block-size 32", 0},
      {"util_half", kSingle, kExample, "--npu-memory-utilization 0.5", 10},
      {"sharegpt_30", kSingle, chat, "", 30},
      {"sharegpt_16_4x2tp", "configs/cluster/single_node_4_instance_2TP", chat, "", 16},
      {"mixed_pd", "configs/cluster/single_node_pd_instance", "vectors/workloads/chunked", "", 0},
      {"hetero_pd", "configs/cluster/single_node_heterogeneous",
       "workloads/sharegpt-qwen3-32b-300-sps10", "", 6},
  };
  for (const NamedRun& run : runs) {
    const auto stem = (reference / "vectors/flag_runs" / run.name).string();
    expect_equal(run.name,
                 {reference / (std::string(run.config) + ".json"),
                  reference / (std::string(run.workload) + ".jsonl"), stem + ".iterations.csv",
                  stem + ".csv", run.flags, run.num_reqs},
                 reference);
  }
  print_total();
}

}  // namespace
}  // namespace lockstep::testing
