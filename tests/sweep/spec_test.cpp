#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "sweep/cluster_edit.hpp"
#include "sweep/digest.hpp"
#include "sweep/run_description.hpp"
#include "sweep/slurm_script.hpp"
#include "sweep/sweep_spec.hpp"
#include "sweep/work_list.hpp"
#include "sweep/yaml_document.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

template <class Function>
std::string refusal(Function function) {
  try {
    function();
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

constexpr const char* kCluster =
    R"({"num_nodes": 1, "nodes": [{"num_instances": 2, "instances": [{"tp": 1}, {"tp": 2}]}]})";

TEST(YamlDocument, GivesScalarsTheTypesTheyLookLike) {
  const JsonDocument document = parse_yaml(
      "a: 1\nb: 2.5\nc: 'text'\nd: \"7\"\ne: true\nf:\ng: [1, x]\nh: {i: -3}\nj: 1e3\n", "f.yaml");
  EXPECT_EQ(document.root.dump(),
            R"({"a":1,"b":2.5,"c":"text","d":"7","e":true,"f":null,"g":[1,"x"],"h":{"i":-3},)"
            R"("j":1000.0})");
  EXPECT_EQ(document.line_of("g"), 7);
  EXPECT_EQ(document.line_of("h.i"), 8);
}

TEST(YamlDocument, RefusesAliasBombsDepthAndRepeatedKeys) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 0; k < 9; ++k) {
      bomb += ", " + last;
    }
    bomb += "]\n";
  }
  EXPECT_THAT(refusal([&] { (void)parse_yaml(bomb, "f"); }),
              HasSubstr("this file unfolds to more than"));
  const std::string deep = std::string(60, '[') + std::string(60, ']');
  EXPECT_THAT(refusal([&] { (void)parse_yaml(deep, "f"); }), HasSubstr("deeper than 32"));
  EXPECT_THAT(refusal([] { (void)parse_yaml("a: 1\na: 2\n", "f"); }), HasSubstr("f:2"));
  EXPECT_THAT(refusal([] { (void)parse_yaml("a: [1\n", "f"); }), HasSubstr("f:"));
}

TEST(ClusterEdit, SetsOneOrAllAndTellsWhatDoesNotMatch) {
  JsonDocument document = JsonDocument::parse(kCluster, "c.json");
  set_by_path(document, "nodes.0.instances.*.tp", 4);
  set_by_path(document, "nodes.*.instances.1.tp", 8);
  set_by_path(document, "nodes.0.new", "x");
  EXPECT_EQ(document.root["nodes"][0]["instances"].dump(), R"([{"tp":4},{"tp":8}])");
  EXPECT_EQ(document.root["nodes"][0]["new"], "x");
  EXPECT_THAT(refusal([&] { set_by_path(document, "nodes.3.new", 1); }),
              HasSubstr("'3' is no element of a list of 1"));
  EXPECT_THAT(refusal([&] { set_by_path(document, "node.0.new", 1); }),
              HasSubstr("did you mean 'nodes'"));
  EXPECT_THAT(refusal([&] { set_by_path(document, "num_nodes.a", 1); }),
              HasSubstr("in a single value"));
}

TEST(ClusterEdit, CopiesAnElementAndKeepsTheCountBesideItRight) {
  JsonDocument document = JsonDocument::parse(kCluster, "c.json");
  repeat_by_path(document, "nodes.0.instances.1", 3);
  EXPECT_EQ(document.root["nodes"][0].dump(),
            R"({"num_instances":3,"instances":[{"tp":2},{"tp":2},{"tp":2}]})");
  repeat_by_path(document, "nodes.0", 2);
  EXPECT_EQ(document.root["num_nodes"], 2);
  EXPECT_EQ(document.root["nodes"].size(), 2U);
  EXPECT_THAT(refusal([&] { repeat_by_path(document, "nodes.0.instances", 2); }),
              HasSubstr("an element of a list"));
  EXPECT_THAT(refusal([&] { repeat_by_path(document, "nodes.0", 0); }), HasSubstr("0 copies"));
}

JsonDocument base_document(const std::string& more) {
  return parse_yaml(
      "cluster: configs/cluster/single_node_single_instance.json\n"
      "workload: {arrivals: gamma, shape: 0.5}\nflags: {max_num_seqs: 9}\n" +
          more,
      "spec.yaml");
}

TEST(RunDescription, SettingsChangeFlagsAndWorkload) {
  const JsonDocument base = base_document("");
  const RunDescription run = describe_run(base, {{"flag.max-num-seqs", 7},
                                                 {"flag.enable-prefix-caching", false},
                                                 {"workload.rate", 3},
                                                 {"cluster.nodes.0.x", 1}});
  EXPECT_EQ(run.flags.options.max_num_seqs, 7);
  EXPECT_FALSE(run.flags.options.enable_prefix_caching);
  EXPECT_EQ(run.flags.given.size(), 2U);
  EXPECT_EQ(run.workload.generator.arrivals.rate, 3);
  EXPECT_EQ(run.workload.generator.arrivals.shape, 0.5);
  ASSERT_EQ(run.cluster_edits.size(), 1U);
  const RunDescription file = describe_run(base, {{"workload", "w.jsonl"}, {"workload.rate", 2}});
  EXPECT_EQ(file.workload.file, "w.jsonl");
  EXPECT_EQ(file.workload.rate, 2);
}

class SweepSpecs : public ::testing::Test {
protected:
  SweepSpecs() { std::filesystem::current_path(LOCKSTEP_SOURCE_DIR); }
};

TEST_F(SweepSpecs, EnumerateTheGridLastNameFastestThenTheList) {
  const SweepSpec spec =
      SweepSpec::parse(base_document("grid: {flag.block-size: [1, 2], workload.rate: [3, 4]}\n"
                                     "list: [{flag.max-num-seqs: 5}, {flag.max-num-seqs: 6}]\n"));
  ASSERT_EQ(spec.size(), 8);
  EXPECT_EQ(settings_text(spec.settings(0)),
            "flag.block-size=1 workload.rate=3 flag.max-num-seqs=5");
  EXPECT_EQ(settings_text(spec.settings(1)),
            "flag.block-size=1 workload.rate=3 flag.max-num-seqs=6");
  EXPECT_EQ(settings_text(spec.settings(2)),
            "flag.block-size=1 workload.rate=4 flag.max-num-seqs=5");
  EXPECT_EQ(settings_text(spec.settings(7)),
            "flag.block-size=2 workload.rate=4 flag.max-num-seqs=6");
}

TEST_F(SweepSpecs, SharesCoverEveryConfigurationOnce) {
  const SweepSpec spec =
      SweepSpec::parse(base_document("grid: {workload.rate: [1, 2, 3, 4, 5, 6, 7]}\n"));
  std::vector<std::int64_t> all;
  for (std::int64_t i = 1; i <= 3; ++i) {
    const WorkList work(spec, "v", {i, 3});
    all.insert(all.end(), work.configs().begin(), work.configs().end());
  }
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(parse_share("2/8", "--share"), (Share{2, 8}));
  for (const char* text : {"0/8", "9/8", "2", "2/", "a/b", "/", "-1/2", "1/0"}) {
    EXPECT_THAT(refusal([&] { (void)parse_share(text, "--share"); }), HasSubstr("is no share"));
  }
}

TEST_F(SweepSpecs, KeysDependOnSettingsVersionAndBase) {
  const SweepSpec spec = SweepSpec::parse(base_document("grid: {workload.rate: [1, 2, 1]}\n"));
  const SweepSpec other =
      SweepSpec::parse(base_document("slo: {ttft_ms: 5}\ngrid: {workload.rate: [1, 2, 1]}\n"));
  const WorkList work(spec, "v", {});
  EXPECT_EQ(work.key(0), work.key(2));
  EXPECT_NE(work.key(0), work.key(1));
  EXPECT_NE(work.key(0), WorkList(spec, "w", {}).key(0));
  EXPECT_NE(work.key(0), WorkList(other, "v", {}).key(0));
}

TEST(DigestOfBytes, DependsOnEveryByteAndOnPieces) {
  const auto of = [](std::vector<std::string> pieces) {
    Digest digest;
    for (const std::string& piece : pieces) {
      digest.add_piece(piece);
    }
    return digest.hex();
  };
  EXPECT_EQ(of({"a", "b"}), of({"a", "b"}));
  EXPECT_NE(of({"a", "b"}), of({"ab"}));
  EXPECT_NE(of({"a", "b"}), of({"b", "a"}));
  EXPECT_EQ(of({}).size(), 32U);
}

TEST(SlurmScript, QuotesForTheShell) {
  EXPECT_EQ(shell_quoted("it's $HOME"), R"('it'\''s $HOME')");
}

}  // namespace
}  // namespace lockstep
