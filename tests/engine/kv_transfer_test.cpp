// KV that leaves a prefill instance layer by layer, or whole.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/error.hpp"
#include "engine/device_fixture.hpp"
#include "engine/laws_fixture.hpp"
#include "iteration/graph_text.hpp"

namespace lockstep {
namespace {

using testing::Row;

/// A prompt's step: so many layers, each with KV of its own.
struct Prompt {
  std::int64_t layers = 4;
  std::int64_t qkv = 700;   ///< ns
  std::int64_t rest = 900;  ///< ns
  std::int64_t kv = 4096;   ///< bytes a layer
  bool reduces = false;
};

IterationTrace trace_of_prompt(const Prompt& prompt) {
  std::vector<TraceRow> rows{Row("embedding", 500).in(40, testing::remote(0))};
  for (std::int64_t layer = 0; layer < prompt.layers; ++layer) {
    rows.push_back(Row("qkv_proj", prompt.qkv).comm(CollectiveKind::none, prompt.kv));
    rows.push_back(prompt.reduces
                       ? Row("o_proj", prompt.rest).comm(testing::kAllReduce, 2048, {2, 0b01})
                       : Row("o_proj", prompt.rest));
  }
  rows.push_back(Row("sampler", 300).out(8, testing::remote(0)));
  IterationTrace trace = testing::trace_of(std::move(rows));
  trace.type = ExecutionType::prefill;
  return trace;
}

struct Transfer {
  std::int64_t end = 0;
  std::int64_t bytes = 0;
  std::int64_t messages = 0;
};

Transfer transfer(const Prompt& prompt, bool whole, double bandwidth, double latency) {
  const std::int64_t tp = prompt.reduces ? 2 : 1;
  DeviceSimulator sim(testing::spec_of(
      {testing::full(tp, bandwidth, latency), testing::full(2, bandwidth, latency)},
      {testing::remote_level(1e9, 0)}));
  GraphContext context;
  context.num_npus = tp;
  context.whole_kv_transfer = whole;
  Transfer out;
  for (NpuGraph& graph : build_graphs(trace_of_prompt(prompt), context)) {
    for (const GraphNode& node : graph.nodes) {
      out.bytes += node.kind == NodeKind::recv ? node.size.count() : 0;
      out.messages += node.kind == NodeKind::recv ? 1 : 0;
    }
    sim.start(std::make_shared<const NpuGraph>(std::move(graph)));
  }
  while (sim.busy()) {
    sim.step();
  }
  out.end = sim.now().count();
  return out;
}

Prompt random_prompt() {
  return {*rc::gen::inRange<std::int64_t>(1, 12), *rc::gen::inRange<std::int64_t>(1, 3000),
          *rc::gen::inRange<std::int64_t>(1, 3000), *rc::gen::inRange<std::int64_t>(1, 1 << 20),
          *rc::gen::arbitrary<bool>()};
}

RC_GTEST_PROP(KvTransfer, LayerWiseIsNeverLaterAndSendsTheSame, ()) {
  const Prompt prompt = random_prompt();
  const double bandwidth = *rc::gen::inRange(1, 400);
  const double latency = *rc::gen::inRange(0, 5000);
  const Transfer layered = transfer(prompt, false, bandwidth, latency);
  const Transfer whole = transfer(prompt, true, bandwidth, latency);
  RC_CLASSIFY(layered.end < whole.end, "earlier");
  RC_ASSERT(layered.end <= whole.end);
  RC_ASSERT(layered.bytes == whole.bytes);
  RC_ASSERT(layered.messages == whole.messages);
}

RC_GTEST_PROP(KvTransfer, WithoutTimeOnTheLinkBothAreEqual, ()) {
  const Prompt prompt = random_prompt();
  RC_ASSERT(transfer(prompt, false, 1e12, 0).end == transfer(prompt, true, 1e12, 0).end);
}

TEST(KvTransfer, ASlowLinkDecidesFromTheFirstLayerOn) {
  const Prompt prompt{8, 700, 900, 1 << 20, false};
  constexpr double kBandwidth = 8;
  constexpr std::int64_t kLatency = 500;
  const auto single = [&](std::int64_t layers) {
    Prompt some = prompt;
    some.layers = layers;
    return transfer(some, false, kBandwidth, kLatency).end;
  };
  const std::int64_t message = single(3) - single(2);
  EXPECT_GT(message, prompt.qkv + prompt.rest);
  EXPECT_EQ(single(8), single(1) + 7 * message);
  // Whole: all messages behind all of the computing, but for the first projection.
  EXPECT_EQ(transfer(prompt, true, kBandwidth, kLatency).end - single(8),
            7 * prompt.qkv + 8 * prompt.rest + 300);
}

TEST(KvTransfer, TheMessagesOfAStageWaitForItsEnd) {
  GraphContext context;
  context.whole_kv_transfer = true;
  EXPECT_THAT(testing::graph_text(build_graphs(trace_of_prompt({2, 7, 9, 64, false}), context)[0]),
              ::testing::ElementsAre("0 LOAD REMOTE:0 40 ()", "1 COMP 500 (0)", "2 COMP 7 (1)",
                                     "3 COMP 9 (2)", "4 COMP 7 (3)", "5 COMP 9 (4)",
                                     "6 COMP 300 (5)", "7 SEND to 1 64 tag 0 (6)",
                                     "9 SEND to 1 64 tag 1 (6)", "11 SEND to 1 8 tag 2 (6)"));
}

testing::ToyCluster pair_of(int tp, int pp) {
  testing::ToyCluster toy(2, testing::replica_of("toy/deep_dense", tp, pp));
  toy.replicas[0].pd = "prefill";
  toy.replicas[1].pd = "decode";
  toy.replicas[0].more = R"("max_num_batched_tokens":128)";
  return toy;
}

testing::Outcome run_pair(const testing::ToyCluster& toy, KvTransfer transfer, bool fold = true) {
  testing::Calls calls;
  calls.add(0, 300, 5);  // three chunks
  RunOptions options = testing::round_robin();
  options.fidelity = Fidelity::vllm;
  options.kv_transfer = transfer;
  options.fold_layers = fold;
  return testing::run_toy(toy, calls, options);
}

TEST(KvTransfer, OfAWholeRun) {
  for (const auto& [tp, pp] : {std::pair{1, 1}, std::pair{2, 1}, std::pair{1, 2}}) {
    SCOPED_TRACE(fmt::format("tp {} pp {}", tp, pp));
    testing::ToyCluster toy = pair_of(tp, pp);
    toy.link_bandwidth = "1";
    const testing::Outcome layered = run_pair(toy, KvTransfer::layer_wise);
    const testing::Outcome whole = run_pair(toy, KvTransfer::whole);
    EXPECT_LT(layered.last_end(), whole.last_end());
    EXPECT_EQ(testing::results(whole), testing::results(run_pair(toy, KvTransfer::whole, false)));
    EXPECT_EQ(whole.result.generated_tokens, 5);
  }
  testing::ToyCluster free = pair_of(1, 1);
  free.link_bandwidth = "1e12";
  free.link_latency = "0";
  EXPECT_EQ(testing::results(run_pair(free, KvTransfer::layer_wise)),
            testing::results(run_pair(free, KvTransfer::whole)));
}

TEST(KvTransfer, SubBatchesHandOverByLayer) {
  RunOptions options = testing::round_robin();
  options.kv_transfer = KvTransfer::whole;
  testing::ToyCluster toy = pair_of(1, 1);
  toy.replicas[0].more = R"("enable_attn_offloading":true,"enable_sub_batch_interleaving":true)";
  EXPECT_THROW(static_cast<void>(
                   parse_cluster(toy.json(), "toy.json", options, testing::ToyModels::paths())),
               UserError);
}

}  // namespace
}  // namespace lockstep
