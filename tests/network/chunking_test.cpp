#include "network/chunking.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "network/collective_plan.hpp"

namespace lockstep {
namespace {

constexpr auto kAllReduce = CollectiveKind::all_reduce;
constexpr auto kAllGather = CollectiveKind::all_gather;

TEST(Chunking, KnownCuts) {
  const auto cut = [](std::int64_t size, std::int64_t count) {
    return Chunking{Bytes{size}, count, Bytes{size}};
  };
  EXPECT_EQ(chunk(kAllReduce, Bytes{3}, 8, 1), cut(3, 1));
  EXPECT_EQ(chunk(kAllReduce, Bytes{1'000'001}, 4, 3), cut(333'333, 4));
  EXPECT_EQ(chunk(kAllReduce, Bytes{3}, 8, 2), cut(8, 2));
  EXPECT_EQ(chunk(kAllReduce, Bytes{0}, 8, 2), cut(8, 2));
  EXPECT_EQ(chunk(kAllGather, Bytes{5}, 8, 2), cut(2, 3));
  EXPECT_EQ(chunk(kAllGather, Bytes{5}, 8, 7), cut(1, 5));
  EXPECT_EQ(chunk(kAllGather, Bytes{0}, 8, 7), cut(0, 1));
}

TEST(Chunking, TheLastOneMayBeShorter) {
  EXPECT_EQ(chunk(kAllReduce, Bytes{1'000'001}, 4, 3, true),
            (Chunking{Bytes{333'334}, 3, Bytes{333'333}}));
  EXPECT_EQ(chunk(kAllGather, Bytes{5}, 8, 2, true), (Chunking{Bytes{3}, 2, Bytes{2}}));
  EXPECT_EQ(chunk(kAllReduce, Bytes{900}, 4, 3, true), chunk(kAllReduce, Bytes{900}, 4, 3));
  EXPECT_EQ(chunk(kAllReduce, Bytes{3}, 8, 2, true), chunk(kAllReduce, Bytes{3}, 8, 2));
}

// Bytes that an NPU sends over the wire in a ring, all phases and chunks.
std::int64_t bytes_sent(const Topology& topology, CollectiveKind kind, const Chunking& chunks) {
  std::int64_t sent = 0;
  for (const auto& phase : make_plan(topology, {kind, chunks.size, {}}, {}, {}).phases) {
    sent += phase.steps * phase.message.count();
  }
  return sent * chunks.count;
}

RC_GTEST_PROP(ChunkingProperty, NoByteIsLost, ()) {
  const auto npus = *rc::gen::inRange<std::int64_t>(2, 9);
  const Topology topology({{TopologyKind::fully_connected, npus, 16, 0}});
  const auto kind = *rc::gen::element(kAllReduce, kAllGather, CollectiveKind::reduce_scatter,
                                      CollectiveKind::all_to_all);
  const auto splits = *rc::gen::inRange<std::int64_t>(1, 20);
  const Bytes size{*rc::gen::inRange<std::int64_t>(1, 100000)};
  const Chunking chunks = chunk(kind, size, npus, splits);
  RC_ASSERT(chunks.size * chunks.count >= size);
  // Sizes that divide lose nothing to rounding either.
  const Bytes whole = size * (splits * npus);
  RC_ASSERT(bytes_sent(topology, kind, chunk(kind, whole, npus, splits)) ==
            bytes_sent(topology, kind, {whole, 1, whole}));
  const Chunking exact = chunk(kind, whole + Bytes{1}, npus, splits, true);
  RC_ASSERT(exact.size * (exact.count - 1) + exact.last == whole + Bytes{1});
}

}  // namespace
}  // namespace lockstep
