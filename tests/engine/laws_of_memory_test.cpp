// Laws of memory: a slower tier is never faster, an offload costs time, more room loses less.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "engine/laws_fixture.hpp"

namespace lockstep::testing {
namespace {

TEST(Laws, WeightsInASlowerTierNeverMakeARunFaster) {
  for (const char* model : {"toy/dense", "toy/moe"}) {
    std::vector<std::int64_t> ends;
    for (const char* tier : {"npu", "cpu", "cxl:0"}) {
      ToyCluster toy(1, replica_of(model));
      toy.cpu_bandwidth = 64;
      toy.cpu_latency = 200;
      toy.cxl = R"({"mem_size":64,"mem_bw":16,"mem_latency":900})";
      toy.replicas[0].more = fmt::format(R"("placement":{{"default":{{"weights":"{}"}}}})", tier);
      ends.push_back(end_of(toy));
    }
    EXPECT_LT(ends[0], ends[1]) << model << ": weights in host memory";
    EXPECT_LT(ends[1], ends[2]) << model << ": weights in CXL memory";
  }
}

TEST(Laws, KvInASlowerTierNeverMakesARunFaster) {
  ToyCluster toy;
  toy.cpu_bandwidth = 64;
  const std::int64_t near = end_of(toy);
  toy.replicas[0].more = R"("placement":{"default":{"kv_loc":"cpu"}})";
  EXPECT_GE(end_of(toy), near);
}

TEST(Laws, ASlowerTierIsNeverFaster) {
  const auto end_with = [](double bandwidth, double latency) {
    ToyCluster toy;
    toy.cpu_bandwidth = bandwidth;
    toy.cpu_latency = latency;
    toy.replicas[0].more = R"("placement":{"default":{"weights":"cpu"}})";
    return end_of(toy);
  };
  EXPECT_LT(end_with(256, 100), end_with(64, 100));
  EXPECT_LT(end_with(64, 100), end_with(64, 5000));
}

/// A prompt comes again when the pool has lost it; the lower tier still has it.
TEST(Laws, RecallFromALowerTierCostsTime) {
  const auto ttft_of_return = [](PrefixStorage storage, double bandwidth, std::int64_t& hit) {
    const auto with_ids = [](std::int64_t arrival, std::int32_t salt) {
      WorkloadRequest request;
      request.input_toks = 600;
      request.output_toks = 4;
      request.arrival = Nanos{arrival};
      for (std::int32_t token = 0; token < 600; ++token) {
        request.input_ids.push_back(salt * 1000 + token);
      }
      request.output_ids = {1, 2, 3, 4};
      return request;
    };
    Calls calls;
    calls.add(with_ids(0, 1)).add(with_ids(100'000'000, 2)).add(with_ids(200'000'000, 1));
    RunOptions options = round_robin();
    options.prefix_storage = storage;
    ToyCluster toy;
    toy.cpu_bandwidth = bandwidth;
    toy.replicas[0].mem_size = 0.0074;  // holds one of the prompts, not two
    const Outcome outcome = run_toy(toy, calls, options);
    expect_sound(outcome, calls);
    hit = outcome.result.prefix.lower_hit;
    const Request last = outcome.by_id()[2];
    return (last.ttft - last.queuing_delay).count();
  };
  std::int64_t hit = 0;
  const std::int64_t cold = ttft_of_return(PrefixStorage::none, 256, hit);
  ASSERT_EQ(hit, 0);
  const std::int64_t fast = ttft_of_return(PrefixStorage::cpu, 256, hit);
  ASSERT_GT(hit, 0);
  const std::int64_t slow = ttft_of_return(PrefixStorage::cpu, 1, hit);
  ASSERT_GT(hit, 0);
  EXPECT_NE(fast, cold) << "an offload changes times, not only the hit rate";
  EXPECT_LT(fast, slow);
}

TEST(Laws, MoreMemoryNeverPreemptsMore) {
  Calls calls;
  for (int k = 0; k < 12; ++k) {
    calls.add(1000 * k, 100, 150);
  }
  RunOptions options = round_robin();
  options.enable_prefix_caching = false;
  options.reserve_full_isl = false;
  std::int64_t before = -1;
  std::int64_t most = 0;
  for (const double size : {0.012, 0.009, 0.008, 0.007}) {
    Replica replica;
    replica.mem_size = size;
    const Outcome outcome = run_toy({1, replica}, calls, options);
    expect_sound(outcome, calls);
    EXPECT_GE(outcome.result.preemptions, before) << size;
    before = outcome.result.preemptions;
    most = std::max(most, before);
  }
  EXPECT_GT(most, 0) << "the smallest pool is too large for this test";
}

TEST(Laws, MoreMemoryBandwidthIsNeverSlowerForReductions) {
  Replica slow = replica_of("toy/dense", 4);
  slow.mem_bandwidth = 100;
  EXPECT_LE(end_of({1, replica_of("toy/dense", 4)}), end_of({1, slow}));
}

/// First token, from the schedule on, of a prompt that comes back and is found in the tier that
/// `toy` describes.
std::int64_t ttft_of_recall(ToyCluster toy, PrefixStorage storage) {
  Calls calls;
  for (const std::int32_t salt : {1, 2, 1}) {
    WorkloadRequest request;
    request.input_toks = 600;
    request.output_toks = 4;
    request.arrival =
        Nanos{100'000'000 * static_cast<std::int64_t>(calls.workload().requests.size())};
    for (std::int32_t token = 0; token < 600; ++token) {
      request.input_ids.push_back(salt * 1000 + token);
    }
    request.output_ids = {1, 2, 3, 4};
    calls.add(request);
  }
  RunOptions options = round_robin();
  options.fidelity = Fidelity::vllm;  // where ranks of an idle cluster join at once, not at a tick
  options.engine_terms = EngineTerms::none();  // a toy memory has no room for contexts
  options.prefix_storage = storage;
  const Outcome outcome = run_toy(toy, calls, options);
  expect_sound(outcome, calls);
  EXPECT_GT(outcome.result.prefix.lower_hit, 0);
  return outcome.by_id()[2].ttft.count();
}

ToyCluster with_tier(int tp, int pp, const char* location, double bandwidth, double latency) {
  ToyCluster toy(1, replica_of("toy/dense", tp, pp));
  toy.replicas[0].mem_size = pp > 1 ? 0.00426 : 0.0074 / tp;  // holds one prompt, not two
  toy.replicas[0].more =
      fmt::format(R"("placement":{{"default":{{"kv_evict_loc":"{}"}}}})", location);
  toy.cpu_bandwidth = bandwidth;
  toy.cpu_latency = latency;
  toy.cxl = fmt::format(R"({{"mem_size":64,"mem_bw":{},"mem_latency":{}}})", bandwidth, latency);
  return toy;
}

TEST(Laws, RecallFromASlowerTierIsNeverFaster) {
  struct Case {
    PrefixStorage storage;
    const char* location;
    int tp, pp;
  };
  for (const Case& c :
       {Case{PrefixStorage::cpu, "cpu", 1, 1}, Case{PrefixStorage::cpu, "cpu", 2, 1},
        Case{PrefixStorage::cpu, "cpu", 1, 2}, Case{PrefixStorage::cxl, "cxl:0", 1, 1},
        Case{PrefixStorage::cxl, "cxl:0", 2, 1}}) {
    const auto ttft = [&](double bandwidth, double latency) {
      return ttft_of_recall(with_tier(c.tp, c.pp, c.location, bandwidth, latency), c.storage);
    };
    const std::int64_t fast = ttft(256, 0);
    EXPECT_LT(fast, ttft(8, 0)) << c.location << c.tp << c.pp;
    EXPECT_LT(fast, ttft(256, 100'000)) << c.location << c.tp << c.pp;
  }
}

TEST(Laws, MovingOneBlockOrOneLayerIsNeverFaster) {
  const auto end_with = [](const char* placement) {
    ToyCluster toy(1, replica_of("toy/dense"));
    toy.cpu_bandwidth = 8;
    toy.replicas[0].more = fmt::format(R"("placement":{{{}}})", placement);
    return end_of(toy);
  };
  const std::int64_t none = end_with(R"("default":{"weights":"npu"})");
  const std::int64_t one =
      end_with(R"("default":{"weights":"npu"},"blocks":[{"blocks":"1","weights":"cpu"}])");
  const std::int64_t two =
      end_with(R"("default":{"weights":"npu"},"blocks":[{"blocks":"1-2","weights":"cpu"}])");
  EXPECT_LT(none, one);
  EXPECT_LT(one, two);
  // Its load begins with the step, so the blocks before it can hide it.
  EXPECT_LE(none,
            end_with(R"("default":{"weights":"npu"},"layers":{"lm_head":{"weights":"cpu"}})"));
}

TEST(Laws, WeightsThroughLocalMemoryAreNeverFaster) {
  const auto end_with = [](double bandwidth) {
    RunOptions options = round_robin();
    options.enable_local_offloading = bandwidth > 0;
    ToyCluster toy;
    toy.replicas[0].mem_bandwidth = bandwidth > 0 ? bandwidth : 100;
    return end_of(toy, some_calls(), options);
  };
  EXPECT_LT(end_with(0), end_with(100));
  EXPECT_LT(end_with(100), end_with(10));
}

}  // namespace
}  // namespace lockstep::testing
