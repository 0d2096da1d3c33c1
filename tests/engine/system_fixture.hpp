// Whole runs for tests: a cluster file written key by key, two toy models (one dense, one of eight
// experts) on a GPU of the analytic model, a workload in memory, and a copy of all that happened.
//
// Requests are numbered in the order of the workload. With round-robin routing request k of those
// that arrive in order goes to instance k mod n, so that a workload decides who has work.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "config/cluster.hpp"
#include "engine/simulation.hpp"

namespace lockstep::testing {

inline constexpr std::int64_t kToyHidden = 256;
inline constexpr std::int64_t kToyExperts = 8;

/// A folder of the test program's own, removed at its end.
class ToyModels {
public:
  ToyModels() : root_(std::filesystem::temp_directory_path() / unique_name()) {
    write_both("", 4);
    write_both("deep_", 24);
  }
  ~ToyModels() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  ToyModels(const ToyModels&) = delete;
  ToyModels& operator=(const ToyModels&) = delete;

  [[nodiscard]] static SearchPaths paths() {
    static const ToyModels models;
    return {{models.root_}, {}};
  }

private:
  static std::string unique_name() { return fmt::format("lockstep_toys_{}", getpid()); }
  void write_both(const std::string& prefix, int layers) {
    const std::string common = fmt::format(
        R"("torch_dtype":"bfloat16","hidden_size":{},"num_hidden_layers":{},)"
        R"("num_attention_heads":8,"num_key_value_heads":4,"head_dim":32,"intermediate_size":512,)"
        R"("vocab_size":1024,"max_position_embeddings":4096)",
        kToyHidden, layers);
    write(prefix + "dense", fmt::format(R"({{"model_type":"llama",{}}})", common));
    write(prefix + "moe", fmt::format(R"({{"model_type":"mixtral","num_local_experts":{},)"
                                      R"("num_experts_per_tok":2,{}}})",
                                      kToyExperts, common));
  }
  void write(const std::string& name, const std::string& json) {
    std::filesystem::create_directories(root_ / "toy");
    std::ofstream(root_ / "toy" / (name + ".json")) << json;
  }
  std::filesystem::path root_;
};

/// One instance of the cluster file.
struct Replica {
  std::string model = "toy/dense";
  int tp = 1;
  int pp = 1;
  int ep = 1;                   ///< 0: left out of the file
  std::string group;            ///< empty: none
  std::string pd;               ///< empty: neither prefill nor decode
  double mem_size = 1;          ///< GiB of an NPU
  double mem_bandwidth = 1597;  ///< GB/s
  std::string more;             ///< further keys, such as R"("block_size":8)"
};

struct ToyCluster {
  std::vector<Replica> replicas{Replica{}};
  std::string link_bandwidth = "16";
  std::string link_latency = "2000";
  double cpu_bandwidth = 256;
  double cpu_latency = 0;
  std::string cxl;      ///< empty: none; else the object's text
  std::string network;  ///< the same
  std::string power;    ///< the same

  ToyCluster() = default;
  ToyCluster(std::size_t count, const Replica& replica) : replicas(count, replica) {}

  [[nodiscard]] std::string json() const {
    std::string instances;
    for (const Replica& r : replicas) {
      instances += fmt::format(
          R"({}{{"model_name":"{}","hardware":"RTXPRO6000","npu_mem":{{"mem_size":{},"mem_bw":{},)"
          R"("mem_latency":0}},"num_npus":{},"tp_size":{},"pp_size":{},{})"
          R"("pd_type":{}{}{}}})",
          instances.empty() ? "" : ",", r.model, r.mem_size, r.mem_bandwidth, r.tp * r.pp, r.tp,
          r.pp, r.ep == 0 ? "" : fmt::format(R"("ep_size":{},)", r.ep),
          r.pd.empty() ? "null" : '"' + r.pd + '"',
          r.group.empty() ? "" : fmt::format(R"(,"dp_group":"{}")", r.group),
          r.more.empty() ? "" : "," + r.more);
    }
    return fmt::format(
        R"({{"num_nodes":1,"link_bw":{},"link_latency":{},{}{}"nodes":[{{{}"num_instances":{},)"
        R"("cpu_mem":{{"mem_size":8,"mem_bw":{},"mem_latency":{}}},"instances":[{}]}}]}})",
        link_bandwidth, link_latency, cxl.empty() ? "" : "\"cxl_mem\":" + cxl + ",",
        network.empty() ? "" : "\"network\":" + network + ",",
        power.empty() ? "" : "\"power\":" + power + ",", replicas.size(), cpu_bandwidth,
        cpu_latency, instances);
  }
};

/// A workload, call by call.
class Calls {
public:
  Calls() = default;
  explicit Calls(Workload workload) : workload_(std::move(workload)) {}
  Calls& add(std::int64_t arrival, std::int64_t input, std::int64_t output) {
    WorkloadRequest& request = next(input, output);
    request.arrival = Nanos{arrival};
    return *this;
  }
  /// A flat request with token ids; gets the next id.
  Calls& add(WorkloadRequest request) {
    request.id = static_cast<std::int64_t>(workload_.requests.size());
    workload_.requests.push_back(std::move(request));
    return *this;
  }
  /// `count` chained calls, the next one `tool_time` after the end of the one before.
  Calls& session(std::int64_t arrival, int count, std::int64_t input, std::int64_t output,
                 std::int64_t tool_time) {
    const auto index = static_cast<std::int32_t>(workload_.sessions.size());
    workload_.sessions.push_back(
        {fmt::format("s{}", index), static_cast<std::int64_t>(workload_.requests.size()), count});
    for (int call = 0; call < count; ++call) {
      WorkloadRequest& request = next(input + 8 * call, output);
      request.arrival = Nanos{call == 0 ? arrival : 0};
      request.tool_duration = Nanos{tool_time};
      request.session = index;
      request.session_call = call;
    }
    return *this;
  }
  [[nodiscard]] const Workload& workload() const { return workload_; }
  [[nodiscard]] std::int64_t output_tokens() const {
    std::int64_t sum = 0;
    for (const WorkloadRequest& request : workload_.requests) {
      sum += request.output_toks;
    }
    return sum;
  }

private:
  WorkloadRequest& next(std::int64_t input, std::int64_t output) {
    WorkloadRequest& request = workload_.requests.emplace_back();
    request.id = static_cast<std::int64_t>(workload_.requests.size()) - 1;
    request.input_toks = input;
    request.output_toks = output;
    return request;
  }
  Workload workload_;
};

/// What remains of a batch when its program was made.
struct SeenBatch {
  std::int64_t id = 0;
  std::int32_t instance = 0;
  std::int64_t requests = 0;
  std::int64_t total_len = 0;
  std::int64_t padding = 0;
  bool dummy = false;
  Nanos formed;
  friend bool operator==(const SeenBatch&, const SeenBatch&) = default;
};

struct Outcome {
  RunResult result;
  std::vector<std::vector<Request>> done;  ///< by instance, in completion order
  std::vector<SeenBatch> batches;          ///< in order of their programs
  std::vector<StepEvent> steps;
  bool monotone = true;  ///< no poll was earlier than the one before

  [[nodiscard]] std::vector<Request> by_id() const {
    std::vector<Request> all;
    for (const auto& list : done) {
      all.insert(all.end(), list.begin(), list.end());
    }
    std::sort(all.begin(), all.end(),
              [](const Request& a, const Request& b) { return a.id < b.id; });
    return all;
  }
  [[nodiscard]] Nanos last_end() const {
    Nanos last;
    for (const Request& request : by_id()) {
      last = std::max(last, request.end_time);
    }
    return last;
  }
};

/// Records, and ends a run that asks for ever: a hang is a failure and not a lost test program.
class Recorder final : public RunObserver {
public:
  explicit Recorder(Outcome& outcome) : outcome_(outcome) {}
  void on_batch(const Batch& batch) override {
    outcome_.batches.push_back({batch.id, batch.instance,
                                static_cast<std::int64_t>(batch.entries.size()), batch.total_len,
                                batch.padding, batch.dummy, batch.batch_time});
  }
  void on_step(const StepEvent& step) override { outcome_.steps.push_back(step); }
  void on_poll(std::int32_t, std::int64_t, Nanos now, PollAnswer) override {
    outcome_.monotone = outcome_.monotone && now >= last_;
    last_ = now;
    constexpr std::int64_t kMostPolls = 2'000'000;
    if (++polls_ > kMostPolls) {
      throw std::runtime_error("the run does not end");
    }
  }
  [[nodiscard]] bool wants_steps() const override { return true; }

private:
  Outcome& outcome_;
  Nanos last_;
  std::int64_t polls_ = 0;
};

inline RunOptions round_robin() {
  RunOptions options;
  options.request_routing_policy = RoutingPolicy::round_robin;
  return options;
}

/// Runs to the end. Throws what the run throws.
inline Outcome run_toy(const ToyCluster& toy, const Calls& calls,
                       const RunOptions& options = round_robin()) {
  Outcome outcome;
  const Cluster cluster = parse_cluster(toy.json(), "toy.json", options, ToyModels::paths());
  KernelTimeLibrary library(PerfSources{});
  Recorder recorder(outcome);
  Simulation simulation(cluster, options, &calls.workload(), library, recorder);
  outcome.result = simulation.run();
  for (const auto& list : outcome.result.done) {
    auto& copies = outcome.done.emplace_back();
    for (const Request* request : list) {
      copies.push_back(*request);
      copies.back().source = nullptr;
    }
  }
  outcome.result.done.clear();  // they die with the simulation
  return outcome;
}

/// What holds for every run that has ended: everybody served, tokens conserved, times add up.
inline void expect_sound(const Outcome& outcome, const Calls& calls) {
  const Workload& asked = calls.workload();
  const std::vector<Request> served = outcome.by_id();
  ASSERT_EQ(served.size(), asked.requests.size());
  EXPECT_EQ(outcome.result.requests, static_cast<std::int64_t>(asked.requests.size()));
  EXPECT_EQ(outcome.result.generated_tokens, calls.output_tokens());
  EXPECT_TRUE(outcome.result.leaks.empty()) << outcome.result.leaks.front();
  EXPECT_TRUE(outcome.monotone);
  for (std::size_t i = 0; i < served.size(); ++i) {
    const Request& request = served[i];
    const WorkloadRequest& call = asked.requests[i];
    ASSERT_EQ(request.id, call.id);
    EXPECT_EQ(request.num_tokens, call.input_toks + call.output_toks);
    EXPECT_EQ(static_cast<std::int64_t>(request.itl.size()), call.output_toks - 1);
    Nanos sum = request.ttft;
    for (const Nanos gap : request.itl) {
      EXPECT_GT(gap, Nanos{0});
      sum += gap;
    }
    EXPECT_EQ(sum, request.latency) << "request " << request.id;
    EXPECT_EQ(request.arrival + request.latency, request.end_time);
    EXPECT_GE(request.queuing_delay, Nanos{0});
    EXPECT_LT(request.queuing_delay, request.ttft);
    EXPECT_LE(request.end_time, outcome.result.total_clocks);
  }
  for (const WorkloadSession& session : asked.sessions) {
    for (std::int64_t c = session.first_request + 1; c < session.first_request + session.num_calls;
         ++c) {
      const auto at = static_cast<std::size_t>(c);
      EXPECT_EQ(served[at].arrival, served[at - 1].end_time + asked.requests[at - 1].tool_duration);
    }
  }
}

}  // namespace lockstep::testing
