#include <optional>

#include "cluster_support.hpp"

namespace lockstep::testing {
namespace {

struct Case {
  const char* model;
  Json keys;
  std::string expected;  ///< "n t pp ep" or the start of the problem
};

std::string resolved(const Case& test) {
  const Json json = cluster_of({instance(test.model, test.keys)});
  try {
    const Instance one = parse(json).instances.at(0);
    return fmt::format("{} {} {} {}", one.num_npus, one.tp, one.pp, one.ep);
  } catch (const UserError& error) {
    return error.problem();
  }
}

TEST(Degrees, FillInWhatIsMissing) {
  const std::vector<Case> cases = {
      {kDense, {}, "1 1 1 1"},
      {kDense, {{"num_npus", 4}, {"tp_size", 2}}, "4 2 2 1"},
      {kDense, {{"num_npus", 4}, {"pp_size", 2}}, "4 2 2 1"},
      {kDense, {{"num_npus", 4}}, "4 4 1 1"},
      {kDense, {{"tp_size", 2}, {"pp_size", 3}}, "6 2 3 1"},
      {kDense, {{"num_npus", 4}, {"tp_size", 2}, {"pp_size", 1}}, "4 2 2 1"},
      {kDense, {{"num_npus", nullptr}, {"tp_size", 2}}, "2 2 1 1"},
      {kDense, {{"tp_size", 2.0}}, "2 2 1 1"},
      {kMoe, {{"tp_size", 2}}, "2 2 1 2"},
      {kMoe, {{"tp_size", 2}, {"ep_size", 1}}, "2 2 1 1"},
      {kDense, {{"pp_size", 32}}, "num_npus (1) != tp_size (1) * pp_size (32)"},
      {kDense, {{"tp_size", 1}, {"pp_size", 32}}, "32 1 32 1"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(resolved(test), test.expected) << test.keys;
  }
}

TEST(Degrees, RefuseWhatDoesNotFit) {
  const std::vector<Case> cases = {
      {kDense,
       {{"num_npus", 4}, {"tp_size", 3}, {"pp_size", 2}},
       "num_npus (4) not divisible by tp_size (3)"},
      {kDense,
       {{"num_npus", 4}, {"tp_size", 2}, {"pp_size", 3}},
       "num_npus (4) != tp_size (2) * pp_size (3)"},
      {kDense, {{"pp_size", 2}}, "num_npus (1) != tp_size (1) * pp_size (2)"},
      {kDense, {{"num_npus", 4}, {"pp_size", 3}}, "num_npus (4) not divisible by pp_size (3)"},
      {kDense,
       {{"tp_size", 0}, {"num_npus", 0}},
       "Parallelism degrees must be >= 1: tp_size=0, pp_size=1, ep_size=1"},
      {kDense,
       {{"tp_size", 0}, {"num_npus", 4}},
       "Parallelism degrees must be >= 1: tp_size=0, pp_size=1, ep_size=1"},
      {kDense,
       {{"num_npus", 4}, {"pp_size", 0}},
       "Parallelism degrees must be >= 1: tp_size=1, pp_size=0, ep_size=1"},
      {kMoe,
       {{"tp_size", 2}, {"ep_size", 0}},
       "Parallelism degrees must be >= 1: tp_size=2, pp_size=1, ep_size=0"},
      {kMoe,
       {{"tp_size", 1}, {"ep_size", 2}},
       "ep_size (2) > tp_size (1) requires dp_group to be set"},
      {kDense,
       {{"tp_size", 2}, {"ep_size", 3}},
       "ep_size (3) > tp_size (2) requires dp_group to be set"},
      {kDense,
       {{"tp_size", 1}, {"pp_size", 33}},
       "pp_size (33) exceeds the model's transformer block count (32); a pipeline stage cannot be "
       "empty"},
      {kMoe, {{"tp_size", 3}}, "ep_size (3) must divide the model's expert count (128)"},
      {kDense, {{"tp_size", "2"}}, "'nodes[0].instances[0].tp_size' is \"2\", not a whole number"},
      {kDense, {{"tp_size", 1.5}}, "'nodes[0].instances[0].tp_size' is 1.5, not a whole number"},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(resolved(test), test.expected) << test.keys;
  }
}

TEST(Degrees, NameThePlaceOfTheMistake) {
  const Json json = cluster_of({instance(kMoe), instance(kMoe, {{"ep_size", 2}})});
  EXPECT_EQ(refusal(json),
            "ep_size (2) > tp_size (1) requires dp_group to be set @ "
            "nodes[0].instances[1].ep_size");
}

TEST(Degrees, NoteAReplacedPipelineDegree) {
  const Cluster cluster =
      parse(cluster_of({instance(kDense, {{"num_npus", 4}, {"tp_size", 2}, {"pp_size", 1}})}));
  ASSERT_EQ(cluster.warnings.size(), 1U);
  EXPECT_EQ(cluster.warnings[0],
            "nodes[0].instances[0].pp_size 1 is replaced by 2 (num_npus 4 / tp_size 2)");
}

}  // namespace
}  // namespace lockstep::testing
