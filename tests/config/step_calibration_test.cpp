#include "config/step_calibration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "cluster_support.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;

StepTerms terms_of(const char* model, std::int64_t tp = 1) {
  StepTerms terms;
  terms.hardware = "H";
  terms.model = model;
  terms.tp = tp;
  terms.knots = {1, 11};
  terms.pure_ms = {1, 2};
  terms.mixed_ms = {-1, 3};
  terms.ms_per_1k_prompt = 0.5;
  terms.ms_per_1m_context = 2;
  return terms;
}

class File {
public:
  explicit File(const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              ("lockstep_terms_" + std::to_string(getpid()))) {
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
  std::filesystem::path path_;
};

TEST(StepTerms, AreLinearBetweenKnotsAndConstantOutside) {
  const StepTerms terms = terms_of("M");
  EXPECT_EQ(terms.extra({1, 0, 0}).count(), 1'000'000);
  EXPECT_EQ(terms.extra({6, 0, 0}).count(), 1'500'000);
  EXPECT_EQ(terms.extra({0, 0, 0}).count(), 1'000'000);
  EXPECT_EQ(terms.extra({99, 0, 0}).count(), 2'000'000);
  EXPECT_EQ(terms.extra({6, 2000, 0}).count(), 2'000'000);     // 1 ms mixed, 1 ms prompt
  EXPECT_EQ(terms.extra({6, 0, 250'000}).count(), 2'000'000);  // half a ms of context
  EXPECT_EQ(StepTerms{}.extra({6, 0, 0}), Nanos{0});
}

TEST(StepCalibration, OnlyTheModelAndPlanItWasFittedTo) {
  StepCalibration calibration;
  calibration.sets = {terms_of("A"), terms_of("B"), terms_of("B", 2)};
  EXPECT_EQ(calibration.find("H", "B", 2, 1), &calibration.sets[2]);
  EXPECT_EQ(calibration.find("H", "B", 1, 1), &calibration.sets[1]);
  EXPECT_EQ(calibration.find("H", "C", 1, 1), nullptr);
  EXPECT_EQ(calibration.find("G", "A", 1, 1), nullptr);
  EXPECT_EQ(calibration.find("H", "A", 1, 2), nullptr);
}

TEST(StepCalibration, InstancesShareTheTermsOfTheFile) {
  StepCalibration calibration;
  calibration.sets = {terms_of(testing::kDense)};
  calibration.sets[0].hardware = "RTXPRO6000";
  const File file(to_json(calibration, "a test"));
  const testing::Json one = testing::instance(testing::kDense);
  const testing::Json json =
      testing::cluster_of({one, one, testing::instance(testing::kDense, {{"tp_size", 2}})});
  RunOptions options;
  options.fidelity = Fidelity::vllm;
  options.calibration = file.path().string();
  const Cluster cluster = testing::parse(json, options);
  ASSERT_TRUE(cluster.instances[0].calibration);
  EXPECT_EQ(cluster.instances[0].calibration->pure_ms, calibration.sets[0].pure_ms);
  EXPECT_EQ(cluster.instances[1].calibration, cluster.instances[0].calibration);
  EXPECT_FALSE(cluster.instances[2].calibration) << "another plan";
  options.fidelity = Fidelity::reference;
  EXPECT_FALSE(testing::parse(json, options).instances[0].calibration);
}

TEST(StepCalibration, AFileComesBackAsItWasWritten) {
  StepCalibration calibration;
  calibration.sets = {terms_of("A")};
  const File file(to_json(calibration, "a test"));
  const auto read = read_step_calibration(file.path());
  ASSERT_EQ(read->sets.size(), 1U);
  EXPECT_EQ(read->sets[0].extra({6, 300, 1000}), calibration.sets[0].extra({6, 300, 1000}));
  EXPECT_EQ(to_json(*read, "a test"), to_json(calibration, "a test"));
}

TEST(StepCalibration, MistakesNameFileAndPlace) {
  const char* good = R"({"sets":[{"hardware":"H","model":"M","tp_size":1,"dp_group_size":1,
    "decodes":[1,2],"pure_ms":[0,0],"mixed_ms":[0,0],"ms_per_1k_prompt_tokens":0,
    "ms_per_1m_context_tokens":0}]})";
  EXPECT_EQ(read_step_calibration(File(good).path())->sets.size(), 1U);
  const auto broken = [&](std::string from, std::string to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const File file(text);
    try {
      (void)read_step_calibration(file.path());
    } catch (const UserError& error) {
      return error.where().path;
    }
    return std::string("accepted");
  };
  EXPECT_THAT(broken("[1,2]", "[2,1]"), HasSubstr("decodes"));
  EXPECT_THAT(broken("[1,2]", "[]"), HasSubstr("decodes"));
  EXPECT_THAT(broken("[1,2]", "[1]"), HasSubstr("decodes"));
  EXPECT_THAT(broken("\"pure_ms\":[0,0]", "\"pure_ms\":[0]"), HasSubstr("pure_ms"));
  EXPECT_THAT(broken("\"tp_size\":1", "\"tp_size\":0"), HasSubstr("tp_size"));
  EXPECT_THAT(broken("\"sets\"", "\"set\""), ::testing::Not("accepted"));
}

}  // namespace
}  // namespace lockstep
