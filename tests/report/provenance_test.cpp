#include "report/provenance.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace lockstep {
namespace {

Provenance sample_provenance() {
  Provenance made;
  made.version = "1.2.3";
  made.commit = "abc+changes";
  made.fidelity = "vllm";
  made.seed = 42;
  made.kernel_time_sources = {"a", "b"};
  made.command = {"run", "--dataset=/x \xff<script>"};
  made.working_directory = "/w";
  made.environment = {{"LOCKSTEP_PERF_DIR", "/p"}};
  made.inputs = {{"workload", "/x", 17, "00ff"}, {"workload", "/dev/stdin", 0, ""}};
  made.result = {"", "/r.csv", 5, "11"};
  made.partial = true;
  return made;
}

TEST(Provenance, DigestsAreThoseOfXxh128sum) {
  EXPECT_EQ(bytes_digest(""), "99aa06d3014798d86001c324468d497f");
  const auto file = std::filesystem::temp_directory_path() / "lockstep-fingerprint";
  std::ofstream(file) << std::string(1000000, 'x');
  const FileFingerprint print = fingerprint_of(file, "workload");
  std::filesystem::remove(file);
  EXPECT_EQ(print.bytes, 1000000);
  EXPECT_EQ(print.xxh128, bytes_digest(std::string(1000000, 'x')));
  EXPECT_THROW(static_cast<void>(fingerprint_of(file, "workload")), UserError);
  EXPECT_EQ(fingerprint_of("/dev/null", "workload").xxh128, "");
}

TEST(Provenance, ReadsWhatItWrites) {
  const std::string text = provenance_text(sample_provenance());
  const auto json = nlohmann::ordered_json::parse(text);
  const Provenance again = read_provenance(json, "f");
  EXPECT_EQ(provenance_text(again), text);
  EXPECT_TRUE(again.partial);
  EXPECT_EQ(again.inputs[1].xxh128, "");
  EXPECT_EQ(provenance_text(read_provenance({{"summary", {{"provenance", json}}}}, "f")), text);
}

TEST(Provenance, EveryMissingOrWrongKeyIsNamed) {
  const auto whole = provenance_json(sample_provenance());
  for (const auto& [key, value] : whole.items()) {
    for (const bool wrong : {false, true}) {
      auto json = whole;
      if (wrong) {
        json[key] = nlohmann::ordered_json::array({nlohmann::ordered_json::array()});
      } else {
        json.erase(key);
      }
      try {
        static_cast<void>(read_provenance(json, "f"));
        FAIL() << key << (wrong ? " wrong" : " missing");
      } catch (const UserError& error) {
        EXPECT_EQ(error.where().file, "f");
        EXPECT_EQ(error.where().path, key);
      }
    }
  }
}

}  // namespace
}  // namespace lockstep
