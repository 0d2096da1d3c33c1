#include "serving/block_pool.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <list>
#include <map>
#include <optional>

#include "base/error.hpp"

namespace lockstep {
namespace {

using Ids = std::vector<BlockId>;

BlockHash hash_of(std::uint64_t content) {
  return {content * 7, content};
}

Ids take(BlockPool& pool, std::int64_t count) {
  Ids ids;
  pool.get(count, ids);
  return ids;
}

TEST(BlockPool, HandsOutInOrderAndTakesBackAtTheTail) {
  BlockPool pool(4, Bytes{10}, false);
  EXPECT_EQ(pool.free_list(), (Ids{0, 1, 2, 3}));
  EXPECT_EQ(take(pool, 3), (Ids{0, 1, 2}));
  pool.free(Ids{2, 0});
  EXPECT_EQ(pool.free_list(), (Ids{3, 2, 0}));
  EXPECT_EQ(pool.num_used(), 1);
  EXPECT_EQ(pool.used_bytes(), Bytes{10});
  EXPECT_DOUBLE_EQ(pool.usage(), 0.25);
  EXPECT_EQ(take(pool, 3), (Ids{3, 2, 0}));
  EXPECT_EQ(pool.num_free(), 0);
}

TEST(BlockPool, FreeBlocksKeepTheirContentUntilTakenAgain) {
  BlockPool pool(2, Bytes{10}, true);
  const Ids ids = take(pool, 1);
  pool.cache_full(std::vector{hash_of(1)}, ids, 0, 1);
  pool.free(ids);
  EXPECT_EQ(pool.find(hash_of(1)), 0U);
  EXPECT_EQ(pool.used_bytes(), Bytes{10});  // cached
  EXPECT_DOUBLE_EQ(pool.usage(), 0.0);      // not pinned
  EXPECT_EQ(take(pool, 2), (Ids{1, 0}));
  EXPECT_EQ(pool.find(hash_of(1)), kNoBlock);
  EXPECT_EQ(pool.used_bytes(), Bytes{20});
}

TEST(BlockPool, TouchTakesABlockOutOfTheMiddle) {
  BlockPool pool(4, Bytes{10}, true);
  const Ids ids = take(pool, 3);
  pool.cache_full(std::vector{hash_of(0), hash_of(1), hash_of(2)}, ids, 0, 3);
  pool.free(ids);
  pool.touch(Ids{1});
  pool.touch(Ids{1});
  EXPECT_EQ(pool.free_list(), (Ids{3, 0, 2}));
  pool.free(Ids{1});
  EXPECT_EQ(pool.ref_count(1), 1);
  pool.free(Ids{1});
  EXPECT_EQ(pool.free_list(), (Ids{3, 0, 2, 1}));
}

TEST(BlockPool, TheNewestOfEqualBlocksIsTheOneFound) {
  BlockPool pool(2, Bytes{10}, true);
  const Ids ids = take(pool, 2);
  const std::vector same{hash_of(5), hash_of(5)};
  pool.cache_full(same, ids, 0, 1);
  pool.cache_full(same, ids, 1, 2);
  EXPECT_EQ(pool.find(hash_of(5)), 1U);
  pool.free(ids);
  EXPECT_EQ(pool.used_bytes(), Bytes{10});  // the overwritten duplicate does not count
  EXPECT_EQ(take(pool, 1), Ids{0});         // and its reuse leaves the entry alone
  EXPECT_EQ(pool.find(hash_of(5)), 1U);
}

TEST(BlockPool, CopiesDropTheOldestWhenFull) {
  BlockPool pool(2, Bytes{10}, true);
  EXPECT_TRUE(pool.cache_copy(hash_of(1)));
  EXPECT_TRUE(pool.cache_copy(hash_of(2)));
  EXPECT_FALSE(pool.cache_copy(hash_of(1)));  // there already, and its place stays
  EXPECT_TRUE(pool.cache_copy(hash_of(3)));
  EXPECT_EQ(pool.find(hash_of(1)), kNoBlock);
  EXPECT_NE(pool.find(hash_of(2)), kNoBlock);
  EXPECT_TRUE(pool.all_free());
  EXPECT_EQ(pool.used_bytes(), Bytes{20});
}

TEST(BlockPool, WithoutCachingNothingIsIndexed) {
  BlockPool pool(2, Bytes{10}, false);
  const Ids ids = take(pool, 1);
  pool.cache_full(std::vector{hash_of(1)}, ids, 0, 1);
  EXPECT_EQ(pool.find(hash_of(1)), kNoBlock);
  EXPECT_FALSE(pool.cache_copy(hash_of(1)));
}

TEST(BlockPool, MisuseIsOurBug) {
  BlockPool pool(2, Bytes{10}, true);
  EXPECT_THROW(take(pool, 3), InternalError);
  const Ids ids = take(pool, 1);
  pool.free(ids);
  EXPECT_THROW(pool.free(ids), InternalError);
}

TEST(BlockPool, ResetRestoresTheFirstState) {
  BlockPool pool(3, Bytes{10}, true);
  const Ids ids = take(pool, 2);
  pool.cache_full(std::vector{hash_of(1), hash_of(2)}, ids, 0, 2);
  pool.reset();
  EXPECT_TRUE(pool.all_free());
  EXPECT_EQ(pool.used_bytes(), Bytes{0});
  EXPECT_EQ(pool.free_list(), (Ids{0, 1, 2}));
  EXPECT_EQ(pool.find(hash_of(1)), kNoBlock);
}

/// The same rules in the most obvious way.
class ObviousPool {
public:
  explicit ObviousPool(std::int64_t blocks) : refs_(static_cast<std::size_t>(blocks)) {
    hashes_.resize(refs_.size());
    for (BlockId id = 0; id < refs_.size(); ++id) {
      free_.push_back(id);
    }
  }
  Ids get(std::int64_t count) {
    Ids ids;
    for (; count > 0; --count) {
      const BlockId id = free_.front();
      free_.pop_front();
      if (hashes_[id] && index_.count(*hashes_[id]) == 1 && index_[*hashes_[id]] == id) {
        index_.erase(*hashes_[id]);
      }
      hashes_[id].reset();
      refs_[id] = 1;
      ids.push_back(id);
    }
    return ids;
  }
  void touch(const Ids& ids) {
    for (const BlockId id : ids) {
      if (refs_[id]++ == 0) {
        free_.remove(id);
      }
    }
  }
  void free(const Ids& ids) {
    for (const BlockId id : ids) {
      if (--refs_[id] == 0) {
        free_.push_back(id);
      }
    }
  }
  void cache(BlockId id, std::uint64_t content) {
    if (!hashes_[id]) {
      hashes_[id] = content;
      index_[content] = id;
    }
  }
  bool copy(std::uint64_t content) {
    if (index_.count(content) == 1) {
      return false;
    }
    const Ids ids = get(1);
    cache(ids[0], content);
    free(ids);
    return true;
  }
  [[nodiscard]] Ids free_list() const { return {free_.begin(), free_.end()}; }
  [[nodiscard]] BlockId find(std::uint64_t content) const {
    const auto found = index_.find(content);
    return found == index_.end() ? kNoBlock : found->second;
  }
  [[nodiscard]] std::int64_t used() const {
    return std::count_if(refs_.begin(), refs_.end(), [](int r) { return r > 0; }) +
           std::count_if(index_.begin(), index_.end(),
                         [&](const auto& entry) { return refs_[entry.second] == 0; });
  }
  [[nodiscard]] int refs(BlockId id) const { return refs_[id]; }

private:
  std::vector<int> refs_;
  std::vector<std::optional<std::uint64_t>> hashes_;
  std::list<BlockId> free_;
  std::map<std::uint64_t, BlockId> index_;
};

void expect_equal(const BlockPool& pool, const ObviousPool& oracle, std::int64_t blocks) {
  RC_ASSERT(pool.free_list() == oracle.free_list());
  RC_ASSERT(pool.used_bytes().count() == oracle.used());
  for (std::int64_t id = 0; id < blocks; ++id) {
    RC_ASSERT(pool.ref_count(static_cast<BlockId>(id)) == oracle.refs(static_cast<BlockId>(id)));
  }
  for (std::uint64_t content = 0; content < 12; ++content) {
    RC_ASSERT(pool.find(hash_of(content)) == oracle.find(content));
  }
}

RC_GTEST_PROP(BlockPoolProperty, EqualsTheObviousPool, ()) {
  const auto blocks = *rc::gen::inRange<std::int64_t>(1, 9);
  BlockPool pool(blocks, Bytes{1}, true);
  ObviousPool oracle(blocks);
  std::vector<Ids> held;
  const auto steps = *rc::gen::container<std::vector<std::pair<int, int>>>(
      rc::gen::pair(rc::gen::inRange(0, 5), rc::gen::inRange(0, 1000)));
  for (const auto& [operation, argument] : steps) {
    const auto content = static_cast<std::uint64_t>(argument % 12);
    if (operation == 0 && pool.num_free() > 0) {
      const auto count = 1 + argument % pool.num_free();
      held.push_back(take(pool, count));
      RC_ASSERT(held.back() == oracle.get(count));
    } else if (operation == 1 && pool.find(hash_of(content)) != kNoBlock) {
      held.push_back({pool.find(hash_of(content))});
      pool.touch(held.back());
      oracle.touch(held.back());
    } else if (operation == 2 && !held.empty()) {
      const auto at = static_cast<std::size_t>(argument) % held.size();
      pool.free(held[at]);
      oracle.free(held[at]);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (operation == 3 && !held.empty()) {
      const Ids& ids = held[static_cast<std::size_t>(argument) % held.size()];
      pool.cache_full(std::vector{hash_of(content)}, std::span(ids).first(1), 0, 1);
      oracle.cache(ids.front(), content);
    } else if (operation == 4 && pool.num_free() > 0) {
      RC_ASSERT(pool.cache_copy(hash_of(content)) == oracle.copy(content));
    }
    expect_equal(pool, oracle, blocks);
  }
}

RC_GTEST_PROP(BlockIndexProperty, EqualsAMap, ()) {
  BlockIndex index;
  std::map<std::uint64_t, BlockId> oracle;
  BlockId fresh = 0;  // a block holds one content at most
  // Few distinct homes, so that runs collide and deletions shift.
  const auto home = *rc::gen::element<std::uint64_t>(1, 64, 1U << 20U);
  const auto steps = *rc::gen::container<std::vector<std::pair<bool, std::uint8_t>>>(
      rc::gen::pair(rc::gen::arbitrary<bool>(), rc::gen::arbitrary<std::uint8_t>()));
  for (const auto& [insert, key] : steps) {
    const BlockHash hash{key, key * home};
    if (insert) {
      const auto former = oracle.find(key);
      const BlockId expected = former == oracle.end() ? kNoBlock : former->second;
      const BlockId block = fresh++;
      RC_ASSERT(index.assign(hash, block) == expected);
      oracle[key] = block;
    } else if (const auto found = oracle.find(key); found != oracle.end()) {
      index.erase(found->second);
      oracle.erase(found);
    }
    RC_ASSERT(index.size() == oracle.size());
    for (std::uint64_t probe = 0; probe < 256; ++probe) {
      const auto found = oracle.find(probe);
      RC_ASSERT(index.find({probe, probe * home}) ==
                (found == oracle.end() ? kNoBlock : found->second));
    }
  }
}

TEST(BlockIndex, RefusesToEraseWhatIsNotThere) {
  BlockIndex index;
  EXPECT_THROW(index.erase(0), InternalError);
  index.assign({1, 1}, 3);
  EXPECT_THROW(index.erase(2), InternalError);
  EXPECT_EQ(index.assign({1, 1}, 4), 3U);
  EXPECT_THROW(index.erase(3), InternalError) << "it lost its content";
  index.erase(4);
  EXPECT_EQ(index.size(), 0U);
}

}  // namespace
}  // namespace lockstep
