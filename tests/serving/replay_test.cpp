// The recorded runs, batch for batch: what the scheduler, the KV cache and the router decide when
// they are asked at the recorded times.
#include "replay.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <limits>

#include "reference_data.hpp"
#include "replay_reader.hpp"
#include "serving/kv_cache_manager.hpp"
#include "serving/prefix_pool.hpp"

namespace lockstep::testing {
namespace {

std::string joined(const std::vector<std::int64_t>& values) {
  return fmt::format("{}", fmt::join(values, " "));
}

std::string content_of(const Batch& batch, bool with_write_through) {
  std::vector<std::int64_t> q, k, d, ids;
  if (batch.dummy) {
    d.push_back(1);
  }
  for (const BatchEntry& entry : batch.entries) {
    if (entry.tokens > 1) {
      q.push_back(entry.tokens);
      k.push_back(entry.computed_before);
    } else {
      d.push_back(entry.computed_before);
    }
    ids.push_back(entry.request->id);
  }
  std::string text =
      fmt::format("q {} k {} d {} load {} send {} of {}", joined(q), joined(k), joined(d),
                  batch.load.count(), batch.pd_kv_send_tokens, joined(ids));
  if (with_write_through) {
    text += fmt::format(" write {}", batch.write_through.count());
  }
  return text;
}

std::string times_of(const Request& r) {
  std::vector<std::int64_t> values{r.instance,        r.id,
                                   r.input,           r.output - r.input,
                                   r.arrival.count(), r.end_time.count(),
                                   r.latency.count(), r.queuing_delay.count(),
                                   r.ttft.count(),    r.tpot.count()};
  for (const Nanos gap : r.itl) {
    values.push_back(gap.count());
  }
  return joined(values);
}

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

class Replay {
public:
  explicit Replay(const Recording& recording)
      : recording_(recording), in_flight_(recording.cluster.instances.size(), kNone) {
    std::vector<std::string> warnings;
    const auto pools = make_prefix_pools(recording.cluster, recording.options, warnings);
    std::vector<Scheduler*> schedulers;
    for (const Instance& instance : recording.cluster.instances) {
      const std::shared_ptr<PrefixPool>& lower = pools[static_cast<std::size_t>(instance.id)];
      schedulers_.push_back(std::make_unique<Scheduler>(
          instance, policy_, make_kv_cache_manager(instance, lower, policy_)));
      schedulers.push_back(schedulers_.back().get());
    }
    router_ = std::make_unique<Router>(schedulers, recording.options.request_routing_policy);
    router_->load(recording.workload, recording.options.skip_prefill);
    for (const RecordedRequest& result : recording.results) {
      tokens_[result.id] = result.tokens;
    }
    done_.resize(recording.batches.size());
    find_completion_times();
  }

  ReplayOutcome run() {
    outcome_.batches = recording_.batches.size();
    outcome_.requests = recording_.results.size();
    for (std::size_t i = 0; i < recording_.batches.size(); ++i) {
      form(i);
    }
    complete_until(Nanos::max(), kNone);
    compare_results();
    return outcome_;
  }

private:
  /// A batch is complete when the first token of its requests appears, or at the latest when its
  /// instance forms the next one.
  void find_completion_times() {
    std::vector<std::size_t> next(in_flight_.size(), kNone);
    for (std::size_t i = recording_.batches.size(); i-- > 0;) {
      const RecordedBatch& batch = recording_.batches[i];
      std::size_t& following = next[batch.instance];
      Nanos done = following == kNone ? Nanos::max() : recording_.batches[following].formed;
      for (const std::int64_t id : batch.requests) {
        for (const Nanos token : tokens_[id]) {
          if (token > batch.formed) {
            done = std::min(done, token);
            break;
          }
        }
      }
      done_[i] = done;
      following = i;
    }
  }

  [[nodiscard]] bool wide(std::size_t instance) const {
    return recording_.cluster.instances[instance].width() > 1;
  }

  void complete(std::size_t instance) {
    const std::size_t index = std::exchange(in_flight_[instance], kNone);
    const Nanos now = done_[index];
    router_->route_arrived(now);
    last_poll_ = now;
    Scheduler& scheduler = *schedulers_[instance];
    const std::int64_t iteration = ids_[index] + 1;
    Completion done = scheduler.add_done(iteration, scheduler.instance().first_npu, now);
    if (wide(instance)) {
      done = scheduler.add_done(iteration, scheduler.instance().end_npu(), now);
    }
    for (Request* request : done.ended) {
      if (needs_handoff(*request)) {
        router_->choose_decode().add_decode(*request);
      } else {
        router_->on_complete(*request, now);
      }
    }
  }

  /// Completes, in order of time, what has ended when `former` is asked for a batch at `now`: end
  /// NPUs are asked before first NPUs, and those in instance order.
  void complete_until(Nanos now, std::size_t former) {
    while (true) {
      std::size_t earliest = kNone;
      for (std::size_t i = 0; i < in_flight_.size(); ++i) {
        if (in_flight_[i] == kNone) {
          continue;
        }
        const Nanos done = done_[in_flight_[i]];
        const bool due = done < now || (done == now && (wide(i) || i <= former));
        if (due && (earliest == kNone || done < done_[in_flight_[earliest]])) {
          earliest = i;
        }
      }
      if (earliest == kNone) {
        return;
      }
      complete(earliest);
      last_completed_ = earliest;
    }
  }

  void form(std::size_t index) {
    const RecordedBatch& recorded = recording_.batches[index];
    last_completed_ = kNone;
    complete_until(recorded.formed, recorded.instance);
    // In one poll, arrivals are routed before the completion, not after it.
    const bool same_poll = last_completed_ == recorded.instance && last_poll_ == recorded.formed &&
                           !wide(recorded.instance);
    if (!same_poll) {
      router_->route_arrived(recorded.formed);
    }
    Scheduler& scheduler = *schedulers_[recorded.instance];
    const std::int32_t npu = scheduler.instance().first_npu;
    Batch* batch = recorded.requests.empty() ? scheduler.open_dummy(recorded.formed, npu)
                                             : scheduler.schedule(recorded.formed, npu, 0);
    const std::string mine =
        batch == nullptr ? "nothing" : content_of(*batch, recorded.with_write_through);
    if (mine == recorded.content) {
      ++outcome_.equal_batches;
    } else if (outcome_.first_difference.empty()) {
      outcome_.first_difference = fmt::format("row {} instance {}\n  expected {}\n  got      {}",
                                              index, recorded.instance, recorded.content, mine);
    }
    if (batch != nullptr) {
      ids_[index] = batch->id;
      in_flight_[recorded.instance] = index;
    }
  }

  void compare_results() {
    std::vector<std::string> mine;
    for (const auto& scheduler : schedulers_) {
      for (const Request* request : scheduler->done()) {
        mine.push_back(times_of(*request));
      }
    }
    for (std::size_t i = 0; i < recording_.results.size(); ++i) {
      const std::string got = i < mine.size() ? mine[i] : "nothing";
      if (got == recording_.results[i].times) {
        ++outcome_.equal_requests;
      } else if (outcome_.first_difference.empty()) {
        outcome_.first_difference = fmt::format("result row\n  expected {}\n  got      {}",
                                                recording_.results[i].times, got);
      }
    }
  }

  const Recording& recording_;
  FidelityPolicy policy_;
  std::vector<std::unique_ptr<Scheduler>> schedulers_;
  std::unique_ptr<Router> router_;
  std::map<std::int64_t, std::vector<Nanos>> tokens_;
  std::vector<Nanos> done_;                  ///< completion time of each recorded batch
  std::map<std::size_t, std::int64_t> ids_;  ///< recorded batch -> id
  std::vector<std::size_t> in_flight_;       ///< by instance: index of the recorded batch
  std::size_t last_completed_ = kNone;
  Nanos last_poll_{-1};
  ReplayOutcome outcome_;
};

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

ReplayOutcome total;

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
  total.batches += outcome.batches;
  total.equal_batches += outcome.equal_batches;
  total.requests += outcome.requests;
  total.equal_requests += outcome.equal_requests;
}

void print_total() {
  std::cout << total.equal_batches << " of " << total.batches << " batches and "
            << total.equal_requests << " of " << total.requests << " requests equal\n";
  total = {};
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
