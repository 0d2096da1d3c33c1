#include "config/engine_terms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace lockstep {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(EngineTerms, NamesComeBackAsTheyWereGiven) {
  EXPECT_EQ(engine_terms_from("all", "--t"), EngineTerms::all());
  EXPECT_EQ(engine_terms_from("none", "--t"), EngineTerms::none());
  EXPECT_EQ(to_string(EngineTerms::none()), "none");
  for (const EngineTermName& term : engine_term_names()) {
    const EngineTerms one = engine_terms_from(term.name, "--t");
    EXPECT_TRUE(one.*term.member);
    EXPECT_EQ(to_string(one), term.name);
  }
  const EngineTerms two = engine_terms_from("graph-padding,async-scheduling", "--t");
  EXPECT_EQ(to_string(two), "async-scheduling,graph-padding");
  EXPECT_EQ(engine_terms_from(to_string(EngineTerms::all()), "--t"), EngineTerms::all());
}

TEST(EngineTerms, AnUnknownNameIsAnErrorWithTheKnownOnes) {
  for (const char* text : {"", "graph", "graph-padding,", "all,none"}) {
    try {
      (void)engine_terms_from(text, "--engine-terms");
      FAIL() << text;
    } catch (const UserError& error) {
      EXPECT_EQ(error.where().path, "--engine-terms");
      EXPECT_THAT(error.mend(), HasSubstr("graph-padding"));
    }
  }
}

TEST(CaptureSizes, AreTheEnginesDefaults) {
  EXPECT_THAT(default_capture_sizes(8, 2048), ElementsAre(1, 2, 4, 8, 16));
  const auto most = default_capture_sizes(256, 2048);
  EXPECT_EQ(most.size(), 51U);  // as a recorded server lists them
  EXPECT_EQ(most.back(), 512);
  EXPECT_EQ(default_capture_sizes(128, 2048).back(), 256);
  EXPECT_EQ(default_capture_sizes(0, 0).back(), 512);
  EXPECT_EQ(default_capture_sizes(256, 100).back(), 96);
}

}  // namespace
}  // namespace lockstep
