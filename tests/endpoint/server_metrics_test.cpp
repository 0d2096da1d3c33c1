// The text that a scraper reads.
#include "endpoint/server_metrics.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace lockstep::testing {
namespace {

/// Value by sample, "name{labels}". Fails for what is no line of the format.
std::map<std::string, double> samples(const std::string& text) {
  std::map<std::string, double> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE ")) {
      continue;
    }
    const std::size_t blank = line.rfind(' ');
    EXPECT_NE(blank, std::string::npos) << line;
    EXPECT_TRUE(found.emplace(line.substr(0, blank), std::stod(line.substr(blank + 1))).second)
        << "twice: " << line;
  }
  return found;
}

TEST(ServerMetrics, CountsWhatHappens) {
  ServerMetrics metrics("a\"b", 2);
  metrics.first_token(1, Nanos{30'000'000}, 100);
  metrics.next_token(1, Nanos{10'000'000});
  metrics.next_token(1, Nanos{60'000'000});
  metrics.step(1, 100);
  metrics.finished(1, {100, 3, Nanos{5'000'000}, Nanos{30'000'000}, Nanos{100'000'000},
                       Nanos{35'000'000}, FinishReason::length});
  metrics.aborted(0);
  std::vector<EngineGauges> engines(2);
  engines[1].running = 3;
  engines[1].kv_usage = 0.25;
  const auto seen = samples(metrics.text(engines, {12.5, 10, 0, 4}));
  const std::string labels = R"(engine="1",model_name="a\"b")";
  const auto at = [&](const std::string& name, const std::string& more = "") {
    const auto sample = seen.find(name + "{" + more + labels + "}");
    EXPECT_NE(sample, seen.end()) << name;
    return sample == seen.end() ? -1 : sample->second;
  };
  EXPECT_EQ(at("vllm:num_requests_running"), 3);
  EXPECT_EQ(at("vllm:kv_cache_usage_perc"), 0.25);
  EXPECT_EQ(at("vllm:prompt_tokens_total"), 100);
  EXPECT_EQ(at("vllm:generation_tokens_total"), 3);
  EXPECT_EQ(at("vllm:request_success_total", R"(finished_reason="length",)"), 1);
  EXPECT_EQ(at("vllm:request_success_total", R"(finished_reason="abort",)"), 0);
  EXPECT_EQ(at("vllm:time_to_first_token_seconds_count"), 1);
  EXPECT_DOUBLE_EQ(at("vllm:time_to_first_token_seconds_sum"), 0.03);
  EXPECT_EQ(at("vllm:inter_token_latency_seconds_count"), 2);
  EXPECT_EQ(at("vllm:time_per_output_token_seconds_count"), 2);
  EXPECT_DOUBLE_EQ(at("vllm:e2e_request_latency_seconds_sum"), 0.1);
  EXPECT_DOUBLE_EQ(at("vllm:request_prefill_time_seconds_sum"), 0.025);
  const auto bucket = [&](const std::string& bound) {
    const auto sample =
        seen.find("vllm:inter_token_latency_seconds_bucket{" + labels + ",le=\"" + bound + "\"}");
    return sample == seen.end() ? -1 : sample->second;
  };
  EXPECT_EQ(bucket("0.01"), 1);  // bounds belong to their bucket
  EXPECT_EQ(bucket("0.05"), 1);
  EXPECT_EQ(bucket("0.075"), 2);
  EXPECT_EQ(bucket("80.0"), 2);
  EXPECT_EQ(bucket("+Inf"), 2);
  EXPECT_EQ(seen.at("lockstep:simulated_time_seconds"), 12.5);
}

}  // namespace
}  // namespace lockstep::testing
