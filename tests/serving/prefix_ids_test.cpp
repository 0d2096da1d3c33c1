// Prompts of prefix ids beside the same prompts as token ids: hashes, hits and schedules.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <deque>

#include "serving/block_hash.hpp"
#include "serving_fixture.hpp"
#include "workload/prefix_ids.hpp"

namespace lockstep::testing {
namespace {

using Hashes = std::vector<BlockHash>;

std::int64_t shared(const Hashes& a, const Hashes& b) {
  const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  return end - a.begin();
}

TEST(PrefixIdHashes, ShareWhatTheFirstIdsCover) {
  const TokenIds a = {5, 6, 7, 8, 9};
  const TokenIds b = {5, 6, 7, 1, 9};
  const std::int64_t toks = 4 * 512 + 100;
  const Hashes a16 = chain_prefix_id_hashes(a, toks, 16);
  const Hashes b16 = chain_prefix_id_hashes(b, toks, 16);
  EXPECT_EQ(std::ssize(a16), toks / 16);
  EXPECT_EQ(shared(a16, b16), 3 * 32);
  for (std::size_t i = 3 * 32; i < a16.size(); ++i) {
    EXPECT_FALSE(a16[i] == b16[i]) << "behind a difference nothing is shared, equal ids included";
  }
  const Hashes a512 = chain_prefix_id_hashes(a, toks, 512);
  EXPECT_EQ(std::ssize(a512), 4);
  EXPECT_EQ(shared(a512, chain_prefix_id_hashes(b, toks, 512)), 3);
  EXPECT_EQ(shared(chain_prefix_id_hashes(a, toks, 1024), chain_prefix_id_hashes(b, toks, 1024)),
            1);
  // Of an id that one prompt only begins, the part that both have is shared.
  EXPECT_EQ(shared(a16, chain_prefix_id_hashes(std::vector{5, 6}, 512 + 100, 16)),
            (512 + 100) / 16);
  EXPECT_EQ(shared(a16, chain_block_hashes(a, {}, 1)), 0) << "ids are no tokens";
}

TokenIds tokens_of(std::span<const std::int32_t> ids, std::int64_t input_toks) {
  TokenIds tokens;
  for (std::int64_t t = 0; t < input_toks; ++t) {
    tokens.push_back(ids[static_cast<std::size_t>(t / 512)] * 512 +
                     static_cast<std::int32_t>(t % 512));
  }
  return tokens;
}

struct Prompt {
  std::int64_t toks = 0;
  TokenIds ids;
};

Prompt any_prompt() {
  Prompt prompt;
  prompt.toks = *rc::gen::inRange<std::int64_t>(1, 3000);
  const auto count = static_cast<std::size_t>(prefix_ids_of(prompt.toks));
  prompt.ids = *rc::gen::container<TokenIds>(count, rc::gen::inRange(0, 2));
  return prompt;
}

std::int64_t any_block_size() {
  return *rc::gen::element<std::int64_t>(1, 16, 48, 256, 500, 512, 768, 1024);
}

RC_GTEST_PROP(PrefixIdHashes, AreEqualWhereTheTokensAre, ()) {
  const std::int64_t block = any_block_size();
  const Prompt a = any_prompt();
  const Prompt b = any_prompt();
  const Hashes by_ids = chain_prefix_id_hashes(a.ids, a.toks, block);
  const Hashes by_tokens = chain_block_hashes(tokens_of(a.ids, a.toks), {}, block);
  RC_ASSERT(by_ids.size() == by_tokens.size());
  RC_ASSERT(shared(by_ids, chain_prefix_id_hashes(b.ids, b.toks, block)) ==
            shared(by_tokens, chain_block_hashes(tokens_of(b.ids, b.toks), {}, block)));
}

/// One instance that serves prompts as ids or as tokens.
class Server {
public:
  Server(std::int64_t block_size, std::int64_t blocks) {
    instance_ = tiny_instance();
    instance_.block_size = block_size;
    instance_.enable_prefix_caching = true;
    instance_.max_num_batched_tokens = 2048;
    scheduler_ = std::make_unique<Scheduler>(instance_, policy_, make_kv(instance_, blocks));
  }

  void add(const Prompt& prompt, std::int64_t output, std::int64_t arrival, bool as_tokens) {
    WorkloadRequest& source = sources_.emplace_back();
    source.input_toks = prompt.toks;
    if (as_tokens) {
      source.input_ids = tokens_of(prompt.ids, prompt.toks);
    } else {
      source.prefix_ids = prompt.ids;
    }
    Request& request = requests_.add(prompt.toks, output, arrival);
    request.source = &source;
    scheduler_->add_request(request);
  }

  /// Every step as a line, until all is done.
  std::string run() {
    std::string lines;
    for (std::int64_t now = 0; !scheduler_->empty(); ++now) {
      const Batch* batch = schedule(*scheduler_, now);
      lines += text(batch) + "\n";
      if (batch != nullptr) {
        finish(*scheduler_, batch->id, now + 1);
      }
    }
    return lines;
  }
  [[nodiscard]] PrefixStats stats() const { return scheduler_->kv().npu_stats(); }

private:
  Instance instance_;
  FidelityPolicy policy_ = FidelityPolicy::reference();
  Requests requests_;
  std::deque<WorkloadRequest> sources_;
  std::unique_ptr<Scheduler> scheduler_;
};

RC_GTEST_PROP(PrefixIds, AreServedAsTheTokensThatTheyStandFor, ()) {
  const std::int64_t block = *rc::gen::element<std::int64_t>(16, 48, 512, 1024);
  const std::int64_t blocks = 2 * 4096 / block + 2;  // scarce: blocks are evicted
  Server by_ids(block, blocks);
  Server by_tokens(block, blocks);
  const auto count = *rc::gen::inRange(2, 10);
  for (int i = 0; i < count; ++i) {
    const Prompt prompt = any_prompt();
    const auto output = *rc::gen::inRange<std::int64_t>(1, 40);
    by_ids.add(prompt, output, 3 * i, false);
    by_tokens.add(prompt, output, 3 * i, true);
  }
  RC_ASSERT(by_ids.run() == by_tokens.run());
  RC_ASSERT(by_ids.stats() == by_tokens.stats());
  RC_ASSERT(by_ids.stats().requested > 0);
  RC_TAG(by_ids.stats().hit > 0);
}

TEST(PrefixIds, HitInBlocksOf16And512ButNotWhereTokensAreGenerated) {
  for (const auto& [block, expected] : {std::pair{16, 600 / 16 * 16}, std::pair{512, 512}}) {
    Server server(block, 4000);
    server.add({600, {3, 4}}, 600, 0, false);
    server.add({2000, {3, 4, 5, 6}}, 1, 700, false);  // 4 begins as before, its rest was generated
    static_cast<void>(server.run());
    EXPECT_EQ(server.stats().hit, expected) << block;
    EXPECT_EQ(server.stats().requested, 2600);
  }
}

}  // namespace
}  // namespace lockstep::testing
