#include "report/summary.hpp"

#include <gtest/gtest.h>

namespace lockstep {
namespace {

const Painter summary_painter(80, false);

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// What stands after the label, which ends at its colon.
std::string value_of(const std::string& text, const std::string& label) {
  const auto at = text.find('\n' + label);
  EXPECT_NE(at, std::string::npos) << label;
  const auto begin = text.find_first_not_of(' ', at + 1 + label.size());
  return text.substr(begin, text.find('\n', begin) - begin);
}

RunResult example_result() {
  RunResult result;
  result.total_clocks = Nanos{2'500'000'000};
  result.requests = 5;
  result.input_tokens = 100;
  result.prompt_tokens = 150;
  result.generated_tokens = 201;
  result.interval_throughput = {{100.0, 50.5}, {0.0, 1e16}};
  result.lookups.by_source = {7, 5, 3, 1};
  result.kernel_time_sources = {"measured bundle X"};
  return result;
}

std::string text_of(const RunResult& result, double interval = 1.0, double wall = 0.0) {
  return summary(result, {interval, wall}, summary_painter);
}

TEST(Summary, BeginsWithTheTimeItTook) {
  EXPECT_TRUE(
      text_of(example_result(), 1.0, 156.519)
          .starts_with(summary_painter.rule() +
                       "▶ Simulation results...\n\nTotal simulation time: 0h 2m 36.519s\n"));
  EXPECT_TRUE(contains(text_of(example_result(), 1.0, 7325.25), "time: 2h 2m 5.250s\n"));
}

TEST(Summary, Throughput) {
  const std::string text = text_of(example_result());
  EXPECT_EQ(value_of(text, "Total requests:"), "5");
  EXPECT_EQ(value_of(text, "Total clocks (ns):"), "2500000000");
  EXPECT_EQ(value_of(text, "Total latency (s):"), "2.500");
  EXPECT_EQ(value_of(text, "Request throughput (req/s):"), "2.00");
  EXPECT_EQ(value_of(text, "Average prompt throughput (tok/s):"), "60.00");
  EXPECT_EQ(value_of(text, "Average generation throughput (tok/s):"), "80.40");
  EXPECT_EQ(value_of(text, "Total token throughput (tok/s):"), "140.40");
  EXPECT_TRUE(contains(text,
                       "\nThroughput per 1 sec ([prompt_throughput], [gen_throughput]): "
                       "[(100.0, 50.5), (0.0, 1e+16)]\n"));
  EXPECT_FALSE(contains(text, "Preemptions"));
  EXPECT_TRUE(contains(text_of(example_result(), 0.25), "\nThroughput per 0.25 sec ("));
}

TEST(Summary, ValuesStandInColumn69) {
  for (const char* label : {"\nTotal requests:", "\nRequest throughput (req/s):"}) {
    const std::string text = text_of(example_result());
    const auto at = text.find(label) + 1;
    EXPECT_EQ(text.find_first_of("0123456789", at + 25) - at, 68U) << label;
  }
}

TEST(Summary, PreemptionsOnlyWhereThereWereSome) {
  RunResult result = example_result();
  result.preemptions = 194;
  result.recompute_tokens = 110596;
  EXPECT_TRUE(contains(text_of(result),
                       "\nPreemptions:" + std::string(56, ' ') +
                           "194\nRecomputed prompt tokens (preemption):" + std::string(31, ' ') +
                           "110596\nTotal generated tokens:"));
}

TEST(Summary, ARunOfNothingHasNoRates) {
  const std::string text = text_of(RunResult{});
  EXPECT_EQ(value_of(text, "Total token throughput (tok/s):"), "0.00");
  EXPECT_TRUE(contains(text, "[gen_throughput]): []\n"));
}

TEST(Summary, PrefixCaching) {
  RunResult result = example_result();
  EXPECT_FALSE(contains(text_of(result), "Prefix Caching Results"));
  result.prefix = {true, 200, 25, 50, PrefixStorage::none};
  EXPECT_FALSE(contains(text_of(result), "CPU prefix"));
  result.prefix.storage = PrefixStorage::cpu;
  const std::string text = text_of(result);
  EXPECT_EQ(value_of(text, "NPU prefix hit ratio (%):"), "12.50");
  EXPECT_EQ(value_of(text, "CPU prefix hit prompt tokens:"), "50");
  EXPECT_EQ(value_of(text, "CPU prefix hit ratio (%):"), "25.00");
  EXPECT_EQ(value_of(text, "Total prefix hit ratio (%):"), "37.50");
  result.prefix.storage = PrefixStorage::cxl;
  EXPECT_EQ(value_of(text_of(result), "CXL prefix hit ratio (%):"), "25.00");
}

TEST(Summary, PrefixCachingThatNobodyUsed) {
  RunResult result = example_result();
  result.prefix.any_caching = true;
  EXPECT_TRUE(
      contains(text_of(result), "\nNPU prefix hit ratio (%): N/A (no requests tracked)\n─"));
  EXPECT_FALSE(contains(text_of(result), "Total prefix hit ratio"));
}

TEST(Summary, Energy) {
  RunResult result = example_result();
  result.total_energy = 207.99008;
  result.energy = {{207.99008, {60, 41.445048, 39.545, 32.000048, 5.000032, 20, 10}}};
  result.interval_power = {575.0, 452.78999999999996};
  const std::string text = text_of(result, 0.1);
  EXPECT_EQ(value_of(text, "Total energy consumption (kJ):"), "0.21");
  EXPECT_TRUE(contains(
      text, "\nNode 0 total energy consumption (kJ):" + std::string(31, ' ') +
                "0.21\n├─ Base Node energy consumption (J):" + std::string(32, ' ') +
                "60.00\n├─ NPU energy consumption (J):" + std::string(38, ' ') + "41.45\n"));
  EXPECT_EQ(value_of(text, "└─ Storage energy consumption (J):"), "10.00");
  EXPECT_TRUE(contains(text, "\nPower per 0.1 sec (W): [575.0, 452.78999999999996]\n"));
  EXPECT_FALSE(contains(text_of(example_result()), "Power Modeling"));
}

TEST(Summary, LatenciesOfEveryInstance) {
  Request first;
  first.ttft = Nanos{10'000'000};
  first.tpot = Nanos{2'000'000};
  first.itl = {Nanos{1'000'000}, Nanos{3'000'000}};
  Request second;
  second.ttft = Nanos{20'000'000};
  second.tpot = Nanos{0};
  RunResult result = example_result();
  result.done = {{}, {&first, &second}};
  const std::string text = text_of(result);
  EXPECT_TRUE(contains(text, " Instance [0] "));
  EXPECT_TRUE(contains(text, "\nNo Time data available\n"));
  EXPECT_TRUE(contains(text, "\nNo Inter-token data available\n"));
  EXPECT_EQ(value_of(text, "Mean TTFT (ms):"), "15.00");
  EXPECT_EQ(value_of(text, "Median TPOT (ms):"), "1.00");
  EXPECT_EQ(value_of(text, "P99 ITL (ms) :"), "2.98");
}

TEST(Summary, EndsWithTheKernelTimes) {
  const std::string text = text_of(example_result());
  EXPECT_EQ(value_of(text, "Exact look-ups:"), "7");
  EXPECT_EQ(value_of(text, "Interpolated look-ups:"), "5");
  EXPECT_EQ(value_of(text, "Extrapolated look-ups:"), "3");
  EXPECT_EQ(value_of(text, "Analytic look-ups:"), "1");
  EXPECT_TRUE(text.ends_with("\nSource: measured bundle X\n" + summary_painter.rule()));
}

}  // namespace
}  // namespace lockstep
