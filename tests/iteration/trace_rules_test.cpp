// Rules of the rows of a batch, each mended alone beside the reference's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "iteration/trace_fixtures.hpp"
#include "one_rule.hpp"

namespace lockstep {
namespace {

using ::testing::Contains;
using testing::EnergyLog;
using testing::mended;
using ::testing::Not;
using testing::small_model;
using testing::TraceWorld;

/// The first row of that name.
TraceRow row_of(const IterationTrace& trace, std::string_view name) {
  for (const TraceSegment& segment : trace.segments) {
    for (const TraceRow& row : segment.rows) {
      if (row.kind == RowKind::layer && row.name == name) {
        return row;
      }
    }
  }
  ADD_FAILURE() << "no row " << name;
  return {};
}

struct Both {
  explicit Both(bool FidelityPolicy::*one) : rule(one) {}
  bool FidelityPolicy::*rule;
  TraceWorld reference{small_model()};
  TraceWorld other{small_model()};

  /// The same change of both worlds.
  template <typename Change>
  Both& with(const Change& change) {
    change(reference);
    change(other);
    other.settings.fidelity = mended(rule);
    return *this;
  }
};

TEST(TraceRules, FewKvHeadsAreReplicated) {
  Both both(&FidelityPolicy::kv_heads_split_without_limit);
  both.with([](TraceWorld& world) { world.instance.tp = 4; });  // two KV heads of 16
  const auto size = [](TraceWorld& world, std::string_view layer) {
    const TraceRow row = row_of(world.build(world.batch({{5, 3}, {1, 7}})), layer);
    return std::pair(row.input_size.count(), row.output_size.count());
  };
  // 6 tokens, one query head a rank; 10 tokens of context, and one KV head a rank or none.
  EXPECT_EQ(size(both.reference, "attention"), std::pair(192L, 192L));
  EXPECT_EQ(size(both.other, "attention"), std::pair(192L + 10 * 16 * 2 * 2, 192L));
  EXPECT_EQ(size(both.reference, "rotary_emb"), std::pair(192L, 192L));
  EXPECT_EQ(size(both.other, "rotary_emb"), std::pair(384L, 384L));
  EXPECT_EQ(size(both.reference, "qkv_proj").second, 6 * (64 + 64) / 4 * 2);
  EXPECT_EQ(size(both.other, "qkv_proj").second, 6 * (16 + 32) * 2);
}

TEST(TraceRules, EnoughKvHeadsAreSplitInEitherWay) {
  Both both(&FidelityPolicy::kv_heads_split_without_limit);
  both.with([](TraceWorld& world) { world.instance.tp = 2; });
  EXPECT_EQ(both.reference.lines(both.reference.batch({{5, 3}})),
            both.other.lines(both.other.batch({{5, 3}})));
}

TEST(TraceRules, CachedValuesHaveTheirOwnSize) {
  Both both(&FidelityPolicy::kv_read_in_weight_type);
  both.with([](TraceWorld& world) { world.instance.kv_cache_dtype = KvCacheType::fp8; });
  const auto input = [](TraceWorld& world) {
    return row_of(world.build(world.batch({{1, 10}})), "attention").input_size.count();
  };
  EXPECT_EQ(input(both.reference), 4 * 16 * 2 + 2 * 10 * 16 * 2 * 2);
  EXPECT_EQ(input(both.other), 4 * 16 * 2 + 2 * 10 * 16 * 1 * 2);
}

TEST(TraceRules, TheHeadHasARowForEverySequence) {
  Both both(&FidelityPolicy::sampled_ids_of_all_tokens);
  both.with([](TraceWorld&) {});
  const auto stored = [](TraceWorld& world) {
    return row_of(world.build(world.batch({{5, 0}, {1, 9}})), "sampler").output_size.count();
  };
  EXPECT_EQ(stored(both.reference), 6 * 4);
  EXPECT_EQ(stored(both.other), 2 * 4);
}

TEST(TraceRules, PaddingIsNotSampled) {
  Both both(&FidelityPolicy::padding_is_sampled);
  both.with([](TraceWorld&) {});
  const auto time = [](TraceWorld& world) {
    Batch batch = world.batch({{1, 9}});
    batch.padding = 4;
    batch.total_len += 4;
    batch.num_decode += 4;
    return row_of(world.build(batch), "lm_head").comp_time;
  };
  EXPECT_EQ(time(both.reference), Nanos{10'005});
  EXPECT_EQ(time(both.other), Nanos{10'001});
}

TraceWorld& with_pim(TraceWorld& world) {
  world.instance.enable_attn_offloading = true;
  PimDevice device;
  device.spec = "DDR4_8GB_3200_pim";
  device.channels = 2;
  world.cluster.nodes[0].pim = device;
  return world;
}

TEST(TraceRules, MemoryAttendsToTheWholeContext) {
  Both both(&FidelityPolicy::pim_length_is_prompt);
  both.with(with_pim);
  const auto time = [](TraceWorld& world) {
    Batch batch = world.batch({{1, 100}});
    batch.entries[0].request->input = 50;  // and 50 generated since
    return row_of(world.build(batch), "attention").comp_time;
  };
  const auto latency = [](std::int64_t length) {
    PimDevice device;
    device.spec = "DDR4_8GB_3200_pim";
    return Nanos{static_cast<std::int64_t>(device.attention_latency(4, 2, 16, length, 2))};
  };
  EXPECT_EQ(time(both.reference), latency(50));
  EXPECT_EQ(time(both.other), latency(101));
}

TEST(TraceRules, InterleavedPrefillsHandTheirKvOver) {
  Both both(&FidelityPolicy::sub_batches_hand_no_kv_over);
  both.with([](TraceWorld& world) {
    with_pim(world);
    world.instance.enable_sub_batch_interleaving = true;
    world.instance.pd = PdType::prefill;
  });
  const auto message = [](TraceWorld& world) {
    Batch batch = world.batch({{4, 0}, {3, 0}});
    batch.pd_kv_send_tokens = 7;
    return row_of(world.build(batch), "qkv_proj").comm_size.count();
  };
  EXPECT_EQ(message(both.reference), 0);
  EXPECT_EQ(message(both.other), 2 * 32 * 4 * 2);
}

std::vector<std::string> booked(TraceWorld& world, const Batch& batch) {
  EnergyLog log;
  (void)world.build(batch, &log);
  return log.entries;
}

TEST(TraceRules, TheEmbeddingTableIsSplit) {
  Both both(&FidelityPolicy::embedding_energy_not_split);
  both.with([](TraceWorld& world) {
    world.instance.tp = 2;
    world.instance.placement.default_entry.weights = {MemoryTier::remote, 0};
  });
  EXPECT_EQ(booked(both.reference, both.reference.batch({{5, 0}}))[1], "dram 128000");
  EXPECT_EQ(booked(both.other, both.other.batch({{5, 0}}))[1], "dram 64000");
}

TEST(TraceRules, StagesSendBytes) {
  Both both(&FidelityPolicy::stage_energy_in_elements);
  both.with([](TraceWorld& world) { world.instance.pp = 3; });
  EXPECT_THAT(booked(both.reference, both.reference.batch({{5, 0}})), Contains("link 640"));
  EXPECT_THAT(booked(both.other, both.other.batch({{5, 0}})), Contains("link 1280"));
}

TEST(TraceRules, APrefillPaysForWhatItSends) {
  Both both(&FidelityPolicy::prefill_energy_of_activations);
  both.with([](TraceWorld& world) { world.instance.pd = PdType::prefill; });
  const auto energy = [](TraceWorld& world) {
    Batch batch = world.batch({{5, 0}});
    batch.pd_kv_send_tokens = 5;
    return booked(world, batch);
  };
  EXPECT_THAT(energy(both.reference), Contains("link 640"));  // the KV of a block
  EXPECT_THAT(energy(both.reference), Contains("link 768"));
  EXPECT_THAT(energy(both.other), Contains("link 640"));
  EXPECT_THAT(energy(both.other), Not(Contains("link 768")));
}

TEST(TraceRules, WritingDownCostsEnergy) {
  Both both(&FidelityPolicy::write_down_costs_no_energy);
  both.with([](TraceWorld&) {});
  const auto energy = [](TraceWorld& world) {
    Batch batch = world.batch({{5, 0}});
    batch.write_through = Bytes{4096};
    return booked(world, batch);
  };
  EXPECT_THAT(energy(both.reference), Not(Contains("dram 4096")));
  EXPECT_THAT(energy(both.other), Contains("dram 4096"));
}

}  // namespace
}  // namespace lockstep
