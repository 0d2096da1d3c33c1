#include "perf/decode_blocks.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "perf/gpu_facts.hpp"
#include "perf/skew_samples.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

DecodeBlocks two_at_a_time() {
  return {.multiprocessors = 2, .block_gb_s = 10, .memory_gb_s = 15, .start_us = 0, .launch_us = 1};
}

Nanos time_of(const DecodeBlocks& blocks, const std::vector<double>& bytes, std::int64_t heads) {
  BlockSchedule schedule;
  return blocks.time(bytes, heads, schedule);
}

TEST(DecodeBlocks, ContextsAreSplitWhileBlocksWouldLeaveRoom) {
  DecodeBlocks blocks;
  blocks.multiprocessors = 188;  // 0.8 x 376 = 300.8
  EXPECT_TRUE(blocks.split(37, 8));
  EXPECT_FALSE(blocks.split(38, 8));
  EXPECT_TRUE(blocks.split(75, 4));
  EXPECT_FALSE(blocks.split(76, 4));
}

TEST(DecodeBlocks, OneBlockAloneReadsAtItsOwnRate) {
  EXPECT_EQ(time_of(two_at_a_time(), {50'000}, 1), Nanos{1'000 + 5'000});
}

TEST(DecodeBlocks, BlocksShareTheMemory) {
  // Two read 7.5 bytes a ns each; the longer one goes on alone.
  EXPECT_EQ(time_of(two_at_a_time(), {30'000, 75'000}, 1), Nanos{1'000 + 4'000 + 4'500});
}

TEST(DecodeBlocks, TheLastHeadsLongBlockIsWaitedFor) {
  // long+short, then long+short: the second long one begins when the first short one is done.
  const std::vector<double> bytes = {90'000, 15'000};
  EXPECT_EQ(time_of(two_at_a_time(), bytes, 2), Nanos{1'000 + 2'000 + 10'000 + 2'000});
}

TEST(DecodeBlocks, NoBlocksTakeTheLaunchOnly) {
  EXPECT_EQ(time_of(two_at_a_time(), {}, 1), Nanos{1'000});
}

TEST(DecodeBlocks, EachBlockHasAStart) {
  DecodeBlocks blocks = two_at_a_time();
  blocks.start_us = 2;
  EXPECT_EQ(time_of(blocks, {50'000}, 1), Nanos{1'000 + 2'000 + 5'000});
}

/// The same, block by block: all that run are looked through for the next that ends.
double plain_nanos(const DecodeBlocks& facts, const std::vector<double>& bytes,
                   std::int64_t heads) {
  std::vector<double> waiting;
  for (std::int64_t head = 0; head < heads; ++head) {
    for (const double own : bytes) {
      waiting.push_back(own + facts.start_us * 1e3 * facts.block_gb_s);
    }
  }
  double nanos = facts.launch_us * 1e3;
  std::vector<double> running;
  for (std::size_t next = 0; next < waiting.size() || !running.empty();) {
    while (next < waiting.size() && std::ssize(running) < facts.multiprocessors) {
      running.push_back(waiting[next++]);
    }
    const double rate =
        std::min(facts.block_gb_s, facts.memory_gb_s / static_cast<double>(running.size()));
    const double least = std::ranges::min(running);
    nanos += least / rate;
    for (double& left : running) {
      left -= least;
    }
    std::erase_if(running, [](double left) { return left < 1e-6; });
  }
  return nanos;
}

RC_GTEST_PROP(DecodeBlocks, AgreesWithThePlainSimulation, ()) {
  DecodeBlocks facts;
  facts.multiprocessors = *rc::gen::inRange(1, 20);
  facts.block_gb_s = *rc::gen::inRange(1, 40);
  facts.memory_gb_s = *rc::gen::inRange(1, 400);
  facts.start_us = *rc::gen::inRange(0, 3);
  facts.launch_us = *rc::gen::inRange(0, 30);
  const auto lengths =
      *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(1, 2'000'000)));
  const std::vector<double> bytes(lengths.begin(), lengths.end());
  const std::int64_t heads = *rc::gen::inRange(1, 5);
  const double expected = plain_nanos(facts, bytes, heads);
  RC_ASSERT(std::abs(static_cast<double>(time_of(facts, bytes, heads).count()) - expected) <=
            1.0 + 1e-9 * expected);
}

TEST(DecodeBlocks, IsReadFromTheGpusFile) {
  GpuCatalog gpus({testing::source_dir() / "hardware"});
  const auto gpu = gpus.find("RTXPRO6000");
  ASSERT_TRUE(gpu && gpu->decode_blocks);
  EXPECT_EQ(gpu->decode_blocks->multiprocessors, 188);
  EXPECT_FALSE(gpus.find("H100")->decode_blocks);
}

/// A sample's three timed repetitions are summed in its file.
constexpr double kRepetitions = 3;

double squared_error(const DecodeBlocks& blocks, const SkewSample& sample, std::int64_t heads) {
  constexpr double kTokenBytes = 512;  // 128 keys and values of two bytes
  std::vector<double> bytes(static_cast<std::size_t>(sample.decodes),
                            kTokenBytes * static_cast<double>(sample.kv_small + 1));
  std::fill_n(bytes.begin(), sample.large_decodes,
              kTokenBytes * static_cast<double>(sample.kv_large + 1));
  const double measured = sample.t_skew / kRepetitions;
  const double error =
      static_cast<double>(time_of(blocks, bytes, heads).count()) / 1e3 / measured - 1;
  return error * error;
}

TEST(DecodeBlocks, MeasuredMixturesComeOutWithinAFewPercent) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  const auto gpu = GpuCatalog({testing::source_dir() / "hardware"}).find("RTXPRO6000");
  for (const auto& [folder, heads] :
       {std::pair<std::string, std::int64_t>{"meta-llama/Llama-3.1-8B/bf16/tp1", 8},
        {"Qwen/Qwen3-32B/bf16/tp2", 4},
        {"Qwen/Qwen3-30B-A3B-Instruct-2507/bf16/tp1", 4}}) {
    double sum = 0;
    double count = 0;
    for (const SkewSample& sample :
         read_skew_samples(reference / "bundles/RTXPRO6000" / folder / "skew.csv")) {
      if (sample.prefill_chunk == 0 && sample.kv_small >= 256 && sample.kv_small <= 4096 &&
          !gpu->decode_blocks->split(sample.decodes, heads)) {
        sum += squared_error(*gpu->decode_blocks, sample, heads);
        ++count;
      }
    }
    ASSERT_GE(count, 100) << folder;
    EXPECT_LT(std::sqrt(sum / count), 0.07) << folder;
  }
}

}  // namespace
}  // namespace lockstep
