// A run that keeps no requests leaves the bytes of one that keeps all.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/error.hpp"
#include "engine/laws_fixture.hpp"
#include "report/request_csv.hpp"
#include "report/result_stream.hpp"
#include "report/summary.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

class FromVector final : public RequestSource {
public:
  explicit FromVector(std::vector<WorkloadRequest> requests) : requests_(std::move(requests)) {}
  bool next(WorkloadRequest& request) override {
    if (at_ == requests_.size()) {
      return false;
    }
    request = requests_[at_++];
    return true;
  }

private:
  std::vector<WorkloadRequest> requests_;
  std::size_t at_ = 0;
};

StreamedWorkload streamed(const Workload& workload) {
  std::vector<WorkloadRequest> sorted = workload.requests;
  std::ranges::stable_sort(sorted, {}, &WorkloadRequest::arrival);
  StreamedWorkload out;
  out.open = [sorted] { return std::make_unique<FromVector>(sorted); };
  for (const WorkloadRequest& request : sorted) {
    ++out.survey.requests;
    out.survey.longest_input = std::max(out.survey.longest_input, request.input_toks);
    out.survey.longest_total =
        std::max(out.survey.longest_total,
                 request.input_toks + std::max<std::int64_t>(request.output_toks, 1));
  }
  out.survey.first_arrival = sorted.front().arrival;
  out.survey.last_arrival = sorted.back().arrival;
  return out;
}

struct Left {
  std::string csv, summary;
};

Left whole_run(const Cluster& cluster, const RunOptions& options, const Workload& workload) {
  KernelTimeLibrary library(PerfSources{});
  RunObserver nobody;
  Simulation simulation(cluster, options, &workload, library, nobody);
  const RunResult result = simulation.run();
  return {request_csv(result, cluster), summary(result, {}, Painter(Terminal{}))};
}

Left streamed_run(const Cluster& cluster, const RunOptions& options, const Workload& workload,
                  std::size_t& slots) {
  const fs::path file = fs::temp_directory_path() / fmt::format("streamed_run_{}.csv", ::getpid());
  KernelTimeLibrary library(PerfSources{});
  const StreamedWorkload requests = streamed(workload);
  ResultStream stream(cluster, file);
  Simulation simulation(cluster, options, requests, library, stream);
  const RunResult result = simulation.run();
  slots = simulation.router().streamed()->num_slots();
  SummarySettings settings;
  settings.latencies = &stream.latencies();
  Left left{{}, summary(result, settings, Painter(Terminal{}))};
  stream.rows()->commit(file);
  std::ostringstream bytes;
  bytes << std::ifstream(file, std::ios::binary).rdbuf();
  left.csv = bytes.str();
  fs::remove(file);
  return left;
}

Workload random_workload() {
  testing::Calls calls;
  std::int64_t arrival = 0;
  for (auto n = *rc::gen::inRange(1, 25); n > 0; --n) {
    arrival += *rc::gen::element<std::int64_t>(-20'000, 0, 20'000, 900'000, 9'000'000);
    WorkloadRequest request;
    request.arrival = Nanos{std::max<std::int64_t>(arrival, 0)};
    request.input_toks = *rc::gen::inRange<std::int64_t>(1, 200);
    request.output_toks = *rc::gen::inRange<std::int64_t>(1, 20);
    request.input_ids.assign(static_cast<std::size_t>(request.input_toks),
                             *rc::gen::inRange<std::int32_t>(1, 3));
    calls.add(std::move(request));
  }
  return calls.workload();
}

testing::ToyCluster random_toy() {
  testing::Replica replica =
      testing::replica_of("toy/dense", *rc::gen::element(1, 2), *rc::gen::element(1, 1, 2));
  replica.more = fmt::format(R"("max_num_seqs":{})", *rc::gen::element(256, 3));
  testing::ToyCluster toy(*rc::gen::element<std::size_t>(1, 2, 5), replica);
  if (*rc::gen::inRange(0, 4) == 0) {
    toy.replicas = {replica, replica, replica};
    toy.replicas[0].pd = "prefill";
    toy.replicas[1].pd = toy.replicas[2].pd = "decode";
  }
  return toy;
}

RC_GTEST_PROP(StreamedRun, LeavesTheSameBytes, ()) {
  const testing::ToyCluster toy = random_toy();
  const Workload workload = random_workload();
  RunOptions options = testing::round_robin();
  options.fidelity = *rc::gen::element(Fidelity::reference, Fidelity::vllm);
  options.request_routing_policy =
      *rc::gen::element(RoutingPolicy::round_robin, RoutingPolicy::load);
  options.enable_prefix_caching = *rc::gen::element(false, true);
  const Cluster cluster =
      parse_cluster(toy.json(), "toy.json", options, testing::ToyModels::paths());
  Left want;
  try {
    want = whole_run(cluster, options, workload);
  } catch (const UserError&) {
    RC_DISCARD("the cluster or a request is refused");
  }
  std::size_t slots = 0;
  const Left got = streamed_run(cluster, options, workload, slots);
  RC_ASSERT(got.csv == want.csv);
  RC_ASSERT(got.summary == want.summary);
}

/// As many as live at once, and not as many as there are.
TEST(StreamedRun, TakesNoRoomForWhatHasEnded) {
  testing::Calls calls;
  for (std::int64_t i = 0; i < 3000; ++i) {
    calls.add(std::int64_t{50'000'000} * i, 16, 2);
  }
  const testing::ToyCluster toy(2, testing::replica_of("toy/dense"));
  RunOptions options = testing::round_robin();
  options.fidelity = Fidelity::vllm;
  const Cluster cluster =
      parse_cluster(toy.json(), "toy.json", options, testing::ToyModels::paths());
  std::size_t slots = 0;
  const Left got = streamed_run(cluster, options, calls.workload(), slots);
  EXPECT_EQ(got.csv, whole_run(cluster, options, calls.workload()).csv);
  EXPECT_LT(slots, 10U);
}

/// The first request at fault is named, wherever it stands.
TEST(StreamedRun, RefusesWhatAWholeRunRefuses) {
  const testing::ToyCluster toy(1, testing::replica_of("toy/dense"));
  const RunOptions options = testing::round_robin();
  const Cluster cluster =
      parse_cluster(toy.json(), "toy.json", options, testing::ToyModels::paths());
  testing::Calls calls;
  calls.add(9, 16, 2).add(8, 16, 900'000'000).add(0, 900'000'000, 2);
  const auto message = [&](const RequestsOfRun& requests) {
    KernelTimeLibrary library(PerfSources{});
    RunObserver nobody;
    try {
      const Simulation simulation(cluster, options, requests, library, nobody);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  const StreamedWorkload stream = streamed(calls.workload());
  EXPECT_NE(message(&calls.workload()).find("request 1 "), std::string::npos);
  EXPECT_EQ(message(stream), message(&calls.workload()));
}

}  // namespace
}  // namespace lockstep
