#include "cluster_support.hpp"

namespace lockstep::testing {
namespace {

Json with_group(Json one, const char* group) {
  one["dp_group"] = group;
  return one;
}

Json pd(const char* type, Json keys) {
  Json one = instance(kDense, keys);
  one["pd_type"] = type;
  return one;
}

TEST(NetworkPlan, DerivesTheFieldsDimensions) {
  const Json tp2{{"tp_size", 2}};
  const Json pp2{{"tp_size", 1}, {"pp_size", 2}};
  const Json tp2pp2{{"tp_size", 2}, {"pp_size", 2}};
  const auto group = [&](const Json& keys) {
    return std::vector<Json>(2, with_group(instance(kDense, keys), "A"));
  };
  const std::vector<std::pair<std::vector<Json>, std::string>> cases = {
      {{instance(kDense)}, "[1]"},
      {{instance(kDense, tp2)}, "[2]"},
      {{instance(kDense, {{"tp_size", 1}, {"pp_size", 4}})}, "[4]"},
      {{instance(kDense, tp2pp2)}, "[2,2]"},
      {std::vector<Json>(2, instance(kDense)), "[1,2]"},
      {std::vector<Json>(4, instance(kDense, tp2)), "[2,4]"},
      {{pd("prefill", {}), pd("decode", {})}, "[1,3]"},
      {{pd("prefill", tp2), pd("decode", tp2)}, "[2,3]"},
      {{pd("prefill", pp2), pd("decode", pp2)}, "[2,3]"},
      {group({}), "[1,2]"},
      {group(tp2), "[2,2]"},
      {group(pp2), "[1,2,2]"},
      {group(tp2pp2), "[2,2,2]"},
      {{with_group(instance(kDense), "A")}, "[1]"},
      {{with_group(instance(kDense, tp2), "A")}, "[2]"},
  };
  for (const auto& [instances, expected] : cases) {
    const Cluster cluster = parse(cluster_of(instances));
    EXPECT_EQ(dims(cluster.network), expected) << Json(instances).dump();
    ASSERT_EQ(cluster.islands.size(), 1U);
    EXPECT_EQ(cluster.islands[0].num_npus, cluster.total_npus());
  }
}

TEST(NetworkPlan, NumbersRunOnAndPrefillCountsTwice) {
  const Cluster cluster =
      parse(cluster_of({pd("prefill", {{"tp_size", 2}}), pd("decode", {{"tp_size", 2}})}));
  EXPECT_EQ(place(cluster.instances[0]), "0-3 tp 1,0 ep all");
  EXPECT_EQ(place(cluster.instances[1]), "4-5 tp 1,0 ep all");
  EXPECT_EQ(cluster.total_npus(), 6);
}

struct Expected {
  Json keys;
  std::string dims;
  std::int64_t local_ep;
  std::int64_t ep_total;
  std::string first;
  std::string second;
};

TEST(NetworkPlan, ExpertsOfAGroupSpreadAsFarAsTheyMust) {
  const std::vector<Expected> cases = {
      {{{"tp_size", 1}, {"ep_size", 2}}, "[1,2]", 1, 2, "0-0 tp 1,0 ep 0,1", "1-1 tp 1,0 ep 0,1"},
      {{{"tp_size", 2}, {"ep_size", 2}}, "[2,2]", 1, 2, "0-1 tp 1,0 ep 1,0", "2-3 tp 1,0 ep 1,0"},
      {{{"tp_size", 2}, {"ep_size", 4}}, "[2,2]", 2, 4, "0-1 tp 1,0 ep 1,1", "2-3 tp 1,0 ep 1,1"},
      {{{"tp_size", 1}, {"pp_size", 2}, {"ep_size", 2}},
       "[1,2,2]",
       1,
       2,
       "0-1 tp 1,0,0 ep 0,0,1",
       "2-3 tp 1,0,0 ep 0,0,1"},
      {{{"tp_size", 2}, {"pp_size", 2}, {"ep_size", 4}},
       "[2,2,2]",
       2,
       4,
       "0-3 tp 1,0,0 ep 1,0,1",
       "4-7 tp 1,0,0 ep 1,0,1"},
  };
  for (const Expected& test : cases) {
    const Json one = with_group(instance(kMoe, test.keys), "A");
    const Cluster cluster = parse(cluster_of({one, one}));
    EXPECT_EQ(dims(cluster.network), test.dims);
    EXPECT_EQ(cluster.instances[0].local_ep, test.local_ep);
    EXPECT_EQ(cluster.instances[1].ep_total, test.ep_total);
    EXPECT_EQ(place(cluster.instances[0]), test.first);
    EXPECT_EQ(place(cluster.instances[1]), test.second);
  }
}

TEST(NetworkPlan, ADenseGroupSharesNoExperts) {
  const Json one = with_group(instance(kDense, {{"tp_size", 2}}), "A");
  const Cluster cluster = parse(cluster_of({one, one}));
  EXPECT_EQ(cluster.instances[0].local_ep, 1);
  EXPECT_EQ(cluster.instances[0].ep_total, 1);
  EXPECT_EQ(place(cluster.instances[1]), "2-3 tp 1,0 ep 1,0");
}

TEST(NetworkPlan, MasksOfAGroupOfOneFitItsGrid) {
  const Cluster cluster = parse(cluster_of({with_group(instance(kMoe, {{"tp_size", 2}}), "A")}));
  EXPECT_EQ(dims(cluster.network), "[2]");
  EXPECT_EQ(place(cluster.instances[0]), "0-1 tp 1 ep 1");
}

TEST(NetworkPlan, AlikeGroupsAreOneGridWithAnOuterDimension) {
  const auto member = [](const char* group) {
    return with_group(instance(kMoe, {{"tp_size", 1}, {"ep_size", 2}}), group);
  };
  Json json = cluster_of({member("A"), member("A"), member("B"), member("B")});
  const Cluster cluster = parse(json);
  ASSERT_EQ(cluster.islands.size(), 1U);
  EXPECT_EQ(dims(cluster.network), "[1,2,2]");
  EXPECT_EQ(place(cluster.instances[0]), "0-0 tp 1,0,0 ep 0,1,0");
  EXPECT_EQ(place(cluster.instances[3]), "3-3 tp 1,0,0 ep 0,1,0");
  EXPECT_EQ(cluster.dp_groups[1].members, (std::vector<std::int32_t>{2, 3}));
  json["link_bw"] = {1, 2, 3};
  EXPECT_EQ(parse(json).network.bandwidth, (std::vector<double>{1, 2, 3}));
  json["link_bw"] = {1, 2};
  EXPECT_EQ(refusal(json),
            "'link_bw' must have exactly 3 value(s) to match the ASTRA-Sim topology dimensions, "
            "but got 2. @ link_bw");
}

std::string islands(const Cluster& cluster) {
  std::string text;
  for (const NetworkIsland& island : cluster.islands) {
    text += fmt::format("{}+{}{} ", island.first_npu, island.num_npus, dims(island.dims));
  }
  return text;
}

TEST(NetworkPlan, AGroupBesideALoneInstanceHasAGridOfItsOwn) {
  const Json member = with_group(instance(kMoe, {{"tp_size", 1}, {"ep_size", 2}}), "A");
  const Cluster cluster = parse(cluster_of({member, member, instance(kMoe)}));
  EXPECT_EQ(islands(cluster), "0+2[1,2] 2+1[1] ");
  EXPECT_EQ(dims(cluster.network), "[3]");
  EXPECT_EQ(place(cluster.instances[1]), "1-1 tp 1,0 ep 0,1");
  EXPECT_EQ(place(cluster.instances[2]), "2-2 tp all ep all");
  const Cluster front = parse(cluster_of({instance(kMoe), member, member}));
  EXPECT_EQ(islands(front), "0+1[1] 1+2[1,2] ");
}

TEST(NetworkPlan, UnlikeTensorDegreesHaveGridsOfTheirOwn) {
  Json json = cluster_of({pd("prefill", {{"tp_size", 4}}), pd("decode", {{"tp_size", 2}})});
  const Cluster cluster = parse(json);
  EXPECT_EQ(islands(cluster), "0+8[4,2] 8+2[2] ");
  EXPECT_EQ(place(cluster.instances[0]), "0-7 tp 1,0 ep all");
  EXPECT_EQ(place(cluster.instances[1]), "8-9 tp all ep all");
  json["link_bw"] = {100, 10};
  const Cluster listed = parse(json);
  EXPECT_EQ(listed.islands[0].dims.bandwidth, (std::vector<double>{100, 10}));
  EXPECT_EQ(listed.islands[1].dims.bandwidth, (std::vector<double>{100}));
  EXPECT_EQ(islands(parse(cluster_of({instance(kDense), instance(kDense, {{"tp_size", 3}})}))),
            "0+1[1] 1+3[3] ");
}

TEST(NetworkPlan, UnlikePipelinesWithoutTensorRanksShareTheFieldsGrid) {
  const Cluster cluster =
      parse(cluster_of({instance(kDense), instance(kDense, {{"tp_size", 1}, {"pp_size", 3}})}));
  EXPECT_EQ(islands(cluster), "0+4[2,2] ");
}

TEST(NetworkPlan, PrefillGroupsKeepTheirReceiversApart) {
  const auto member = [](const char* type, const char* group) {
    Json one = with_group(instance(kMoe, {{"tp_size", 1}, {"ep_size", 2}}), group);
    one["pd_type"] = type;
    return one;
  };
  const Cluster cluster = parse(cluster_of({member("prefill", "P"), member("prefill", "P"),
                                            member("decode", "D"), member("decode", "D")}));
  EXPECT_EQ(islands(cluster), "0+4[1,2,2] 4+2[1,2] ");
  EXPECT_EQ(place(cluster.instances[1]), "2-3 tp 1,0,0 ep 0,0,1");
}

TEST(NetworkPlan, EveryMaskFitsItsGrid) {
  const Json member = with_group(instance(kMoe, {{"tp_size", 2}, {"ep_size", 4}}), "A");
  const Cluster cluster = parse(cluster_of(
      {instance(kDense, {{"tp_size", 4}, {"pp_size", 2}}), member, member, instance(kDense)}));
  for (const Instance& one : cluster.instances) {
    const auto island =
        std::find_if(cluster.islands.begin(), cluster.islands.end(), [&](const NetworkIsland& i) {
          return one.first_npu >= i.first_npu && one.end_npu() < i.first_npu + i.num_npus;
        });
    ASSERT_NE(island, cluster.islands.end());
    for (const DimMask& mask : {one.tp_mask, one.ep_mask}) {
      EXPECT_TRUE(!mask.given() || mask.count == island->dims.npus.size());
    }
  }
}

TEST(NetworkPlan, LinkValues) {
  const auto with = [](Json value) {
    Json json = cluster_of({instance(kDense), instance(kDense)});
    json["link_bw"] = std::move(value);
    return json;
  };
  EXPECT_EQ(parse(with(16)).network.bandwidth, (std::vector<double>{16, 16}));
  EXPECT_EQ(parse(with({"16", true})).network.bandwidth, (std::vector<double>{16, 1}));
  EXPECT_EQ(refusal(with("16")),
            "'link_bw' must be a number or a list of numbers, got str. @ link_bw");
  EXPECT_EQ(refusal(with(true)),
            "'link_bw' must be a number or a list of numbers, got bool. @ link_bw");
  EXPECT_EQ(refusal(with(Json::object())),
            "'link_bw' must be a number or a list of numbers, got dict. @ link_bw");
  EXPECT_EQ(refusal(with({1, "x"})), "'link_bw' must contain only numeric values. @ link_bw[1]");
  EXPECT_EQ(refusal(with({1, 2, 3})),
            "'link_bw' must have exactly 2 value(s) to match the ASTRA-Sim topology dimensions, "
            "but got 3. @ link_bw");
  EXPECT_EQ(refusal(with(0)), "'link_bw' is 0 @ link_bw");
  EXPECT_EQ(refusal(with({1, "nan"})), "'link_bw' is nan @ link_bw[1]");
}

}  // namespace
}  // namespace lockstep::testing
