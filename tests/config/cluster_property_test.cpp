#include <gtest/gtest.h>
#include <rapidcheck.h>
// After gtest, whose macros it uses.
#include <rapidcheck/gtest.h>

#include <set>

#include "cluster_support.hpp"
#include "power_json.hpp"

namespace lockstep::testing {
namespace {

/// Usually left out or a small power of two, sometimes anything.
void some_degree(Json& keys, const char* name, int left_out_of_ten) {
  if (*rc::gen::inRange(0, 10) < left_out_of_ten) {
    return;
  }
  const bool wild = *rc::gen::inRange(0, 12) == 0;
  keys[name] = wild ? *rc::gen::inRange(-1, 12) : 1 << *rc::gen::inRange(0, 3);
}

Json random_instance() {
  const bool moe = *rc::gen::arbitrary<bool>();
  Json keys = Json::object();
  some_degree(keys, "num_npus", 9);
  some_degree(keys, "tp_size", 2);
  some_degree(keys, "pp_size", 6);
  some_degree(keys, "ep_size", 8);
  const int group = *rc::gen::inRange(0, 5);
  if (group < 2) {
    keys["dp_group"] = group == 0 ? "A" : "B";
  }
  return instance(moe ? kMoe : kDense, keys);
}

/// One to eight instances; runs of alike ones are frequent, pairs of prefill and decode occur.
std::vector<Json> random_instances() {
  std::vector<Json> instances;
  for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
    instances.push_back(random_instance());
    while (*rc::gen::inRange(0, 2) == 0 && instances.size() < 8) {
      instances.push_back(instances.back());
    }
  }
  if (instances.size() > 1 && *rc::gen::inRange(0, 3) == 0) {
    instances.front()["pd_type"] = "prefill";
    instances.back()["pd_type"] = "decode";
  }
  return instances;
}

/// Every NPU lies in one island, and every masked collective stays inside its instance or group.
void check_grids(const Cluster& cluster) {
  std::int64_t next = 0;
  for (const NetworkIsland& island : cluster.islands) {
    RC_ASSERT(island.first_npu == next);
    std::int64_t product = 1;
    for (const std::int64_t size : island.dims.npus) {
      product *= size;
    }
    RC_ASSERT(product == island.num_npus);
    RC_ASSERT(island.dims.bandwidth.size() == island.dims.npus.size());
    next += island.num_npus;
  }
  RC_ASSERT(next == cluster.total_npus());
  for (const Instance& one : cluster.instances) {
    const NetworkIsland* home = nullptr;
    for (const NetworkIsland& island : cluster.islands) {
      if (one.first_npu >= island.first_npu) {
        home = &island;
      }
    }
    RC_ASSERT(home != nullptr && one.end_npu() < home->first_npu + home->num_npus);
    if (one.tp > 1) {
      std::int64_t ranks = 1;
      for (std::size_t d = 0; d < home->dims.npus.size(); ++d) {
        ranks *= !one.tp_mask.given() || one.tp_mask.involves(d) ? home->dims.npus[d] : 1;
      }
      RC_ASSERT(ranks == one.tp);
      RC_ASSERT((one.first_npu - home->first_npu) % one.tp == 0);
    }
  }
}

RC_GTEST_PROP(ClusterProperty, DegreesResolveOrAreRefused, ()) {
  const std::vector<Json> instances = random_instances();
  try {
    const Cluster cluster = parse(cluster_of(instances));
    for (const Instance& one : cluster.instances) {
      RC_ASSERT(one.num_npus == one.tp * one.pp);
      RC_ASSERT(one.tp >= 1 && one.pp >= 1 && one.ep >= 1);
      RC_ASSERT(one.local_ep <= one.tp);
    }
    check_grids(cluster);
    RC_TAG(cluster.islands.size() > 1 ? "several grids" : "one grid");
  } catch (const UserError& error) {
    RC_ASSERT(!error.problem().empty() && !error.mend().empty());
    RC_TAG("refused");
  }
}

Json odd_value() {
  static const std::vector<Json> values = {nullptr,
                                           true,
                                           0,
                                           -1,
                                           1.5,
                                           1e300,
                                           9007199254740993ULL,
                                           "",
                                           "x",
                                           "-",
                                           "0-",
                                           Json::array(),
                                           Json::object(),
                                           Json::array({1, "2", nullptr}),
                                           {{"a", 1}},
                                           "cxl:-1",
                                           "npu",
                                           -9223372036854775807LL};
  return values[*rc::gen::inRange<std::size_t>(0, values.size())];
}

/// All pointers of a document.
void pointers(const Json& json, const std::string& at, std::vector<std::string>& out) {
  out.push_back(at);
  if (json.is_object()) {
    for (const auto& item : json.items()) {
      pointers(item.value(), at + "/" + item.key(), out);
    }
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) {
      pointers(json[i], at + "/" + std::to_string(i), out);
    }
  }
}

Json rich_cluster() {
  Json one = instance(kDense, {{"tp_size", 2},
                               {"placement",
                                {{"default", {{"weights", "cxl:1"}}},
                                 {"blocks", {{{"blocks", "0-3,9"}, {"weights", "cpu"}}}},
                                 {"layers", {{"o_proj", {{"weights", "npu"}}}}}}},
                               {"enable_attn_offloading", true},
                               {"dtype", "fp8"},
                               {"block_size", 16}});
  Json json = cluster_of({one, instance(kMoe, {{"tp_size", 1}, {"ep_size", 2}, {"dp_group", "A"}}),
                          instance(kMoe, {{"tp_size", 1}, {"ep_size", 2}, {"dp_group", "A"}})});
  json["link_bw"] = {16, 8};
  json["cxl_mem"] = {{"mem_size", 64}, {"mem_bw", 60}, {"mem_latency", 250}, {"num_devices", 2}};
  json["nodes"][0]["cpu_mem"]["pim_config"] = "DDR4_8GB_3200_pim";
  json["nodes"][0]["power"] = power_of_a_node();
  return json;
}

TEST(ClusterProperty, TheRichClusterIsGood) {
  EXPECT_EQ(refusal(rich_cluster()), "accepted");
}

RC_GTEST_PROP(ClusterProperty, MutatedFilesNeverCrash, ()) {
  Json json = rich_cluster();
  const int changes = *rc::gen::inRange(1, 4);
  for (int i = 0; i < changes; ++i) {
    std::vector<std::string> places;
    pointers(json, "", places);
    const std::string place =
        places[*rc::gen::inRange<std::size_t>(1, std::max<std::size_t>(2, places.size())) %
               places.size()];
    json[Json::json_pointer(place)] = odd_value();
  }
  try {
    check_grids(parse(json));
  } catch (const UserError& error) {
    RC_ASSERT(!error.problem().empty());
  }
}

RC_GTEST_PROP(ClusterProperty, DamagedTextNeverCrashes, ()) {
  std::string text = rich_cluster().dump();
  const int changes = *rc::gen::inRange(1, 5);
  for (int i = 0; i < changes; ++i) {
    const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
    if (*rc::gen::arbitrary<bool>()) {
      text[at] = *rc::gen::arbitrary<char>();
    } else {
      text.erase(at, *rc::gen::inRange<std::size_t>(1, 40));
      text += ' ';
    }
  }
  try {
    check_grids(parse_cluster(text, "damaged.json", {}, own_paths()));
  } catch (const UserError& error) {
    RC_ASSERT(!error.problem().empty());
  }
}

}  // namespace
}  // namespace lockstep::testing
