// Random instances under random load, asked and completed in random order: whatever happens, no
// block is lost or owned twice, no token appears or vanishes, and everything ends.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/numeric.hpp"
#include "draws.hpp"
#include "serving/scheduler.hpp"
#include "serving_fixture.hpp"

namespace lockstep::testing {
namespace {

FidelityPolicy any_policy() {
  FidelityPolicy policy;
  if (coin()) {
    policy.queuing_delay_of_last_chunk = policy.lower_tier_hit_may_cover_all =
        policy.tokens_count_when_scheduled = policy.decode_over_reserves_hits =
            policy.extra_decode_step_after_handoff = policy.handoff_leaves_out_hits = false;
  }
  return policy;
}

/// Prompts are cut from few streams of tokens, so that they share prefixes and whole sequences.
class World {
public:
  World() : policy_(any_policy()) {
    instance_ = tiny_instance();
    instance_.block_size = draw(1, 4);
    instance_.pp = draw(1, 3);
    instance_.max_num_seqs = draw(0, 4);
    instance_.max_num_batched_tokens = draw(1, 24);
    instance_.long_prefill_token_threshold = coin() ? 0 : draw(1, 6);
    instance_.enable_prefix_caching = coin();
    instance_.reserve_full_isl = coin();
    instance_.enable_chunked_prefill = coin();
    const std::int64_t count = draw(1, 8);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto stream = static_cast<std::int32_t>(1000 * draw(0, 1));
      requests_.add_with_ids(draw(1, 20), draw(1, 8), stream, draw(0, 40));
    }
    std::int64_t longest = 0;
    for (const Request& request : requests_.all()) {
      longest = std::max(longest, request.output);
    }
    if (!instance_.enable_chunked_prefill) {  // even a resumed request must fit one step
      instance_.max_num_batched_tokens = std::max(instance_.max_num_batched_tokens, longest);
    }
    const std::int64_t blocks = ceil_div(longest, instance_.block_size) + draw(0, 6);
    if (coin()) {
      const std::int64_t chunk = instance_.block_size * draw(1, 3);
      lower_ = std::make_shared<PrefixPool>(PrefixStorage::cpu, false, chunk, draw(1, 8), Bytes{1});
    }
    scheduler_ = std::make_unique<Scheduler>(instance_, policy_,
                                             make_kv(instance_, blocks, lower_, policy_));
  }

  void run() {
    std::size_t arrived = 0;
    std::vector<Request*> by_arrival;
    for (Request& request : requests_.all()) {
      by_arrival.push_back(&request);
    }
    std::stable_sort(by_arrival.begin(), by_arrival.end(),
                     [](auto* a, auto* b) { return a->arrival < b->arrival; });
    for (int quiet = 0; arrived < by_arrival.size() || !scheduler_->empty();) {
      while (arrived < by_arrival.size() && by_arrival[arrived]->arrival <= Nanos{now_}) {
        scheduler_->add_request(*by_arrival[arrived]);
        remember_hashes(*by_arrival[arrived++]);
      }
      const bool moved = step();
      check();
      quiet = moved || arrived < by_arrival.size() ? 0 : quiet + 1;
      RC_ASSERT(quiet < 3);  // nothing may starve
      ++now_;
    }
    check_end();
  }

private:
  /// Forms a batch, completes one, or both.
  bool step() {
    const bool form = coin();
    bool moved = false;
    if (form || oldest_ == newest_) {
      if (const Batch* batch = schedule(*scheduler_, now_);
          batch != nullptr && batch->id == newest_) {
        ++newest_;
        moved = true;
        for (const BatchEntry& entry : batch->entries) {
          RC_ASSERT(entry.tokens >= 1);
        }
        RC_ASSERT(batch->total_len <= instance_.max_num_batched_tokens);
      }
    }
    if (oldest_ < newest_ && (!moved || coin())) {
      const Completion done = finish(*scheduler_, oldest_++, now_);
      RC_ASSERT(done.batch_done);
      generated_ += done.generated_tokens;
      moved = true;
    }
    return moved;
  }

  void remember_hashes(const Request& request) {
    for (const BlockHash& hash : request.block_hashes) {
      hashes_[{hash.high, hash.low}] = hash;
    }
  }

  /// Owners of every block, and the pool's accounting, counted again from the tables.
  void check() const {
    const KVCacheManager& kv = scheduler_->kv();
    const BlockPool& pool = kv.npu_pool();
    std::map<BlockId, std::int64_t> owners;
    for (const Request& request : requests_.all()) {
      const auto& table = kv.block_table(request);
      RC_ASSERT(std::set(table.begin(), table.end()).size() == table.size());
      for (const BlockId block : table) {
        ++owners[block];
      }
      if (request.status == RequestStatus::running) {
        RC_ASSERT(kv.blocks_for(request.num_computed) <= std::ssize(table));
        RC_ASSERT(request.num_computed <= request.num_tokens);
      } else {
        RC_ASSERT(table.empty());
      }
    }
    const std::vector<BlockId> free_list = pool.free_list();
    const std::set<BlockId> free(free_list.begin(), free_list.end());
    RC_ASSERT(free.size() == free_list.size());
    RC_ASSERT(std::ssize(free_list) == pool.num_free());
    RC_ASSERT(std::ssize(owners) + std::ssize(free) == pool.num_blocks());
    for (const auto& [block, count] : owners) {
      RC_ASSERT(free.count(block) == 0U);
      RC_ASSERT(pool.ref_count(block) == count);
    }
    std::int64_t cached_free = 0;
    for (const auto& [key, hash] : hashes_) {
      const BlockId block = pool.find(hash);
      cached_free += block != kNoBlock && pool.ref_count(block) == 0 ? 1 : 0;
    }
    RC_ASSERT(pool.used_bytes() == pool.bytes_per_block() * (std::ssize(owners) + cached_free));
    if (lower_) {
      RC_ASSERT(lower_->blocks.all_free());
    }
  }

  void check_end() const {
    std::int64_t asked = 0;
    for (const Request& request : requests_.all()) {
      RC_ASSERT(request.status == RequestStatus::finished);
      RC_ASSERT(request.num_in_flight == 0);
      RC_ASSERT(request.num_tokens == request.output);
      const std::int64_t output = request.output - request.input;
      asked += output;
      RC_ASSERT(std::ssize(request.itl) == output - 1);
      Nanos sum = request.ttft;
      for (const Nanos gap : request.itl) {
        sum += gap;
      }
      RC_ASSERT(sum == request.latency);
    }
    RC_ASSERT(generated_ == asked);
    RC_ASSERT(scheduler_->done().size() == requests_.all().size());
    RC_ASSERT(scheduler_->kv().npu_pool().all_free());
    RC_ASSERT(scheduler_->kv().drain_traffic().recalled == Bytes{});
  }

  Instance instance_;
  FidelityPolicy policy_;
  mutable Requests requests_;
  std::shared_ptr<PrefixPool> lower_;
  std::unique_ptr<Scheduler> scheduler_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, BlockHash> hashes_;
  std::int64_t now_ = 0, oldest_ = 0, newest_ = 0, generated_ = 0;
};

RC_GTEST_PROP(SchedulerProperty, EverythingEndsAndNothingIsLost, ()) {
  World().run();
}

}  // namespace
}  // namespace lockstep::testing
