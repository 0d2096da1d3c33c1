// Summaries of all logs: what a run counts is read from its log, what it measured from its result
// file; rates, statistics and layout must come out as they were.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "reference_data.hpp"
#include "reference_logs.hpp"
#include "report/summary.hpp"

namespace lockstep {
namespace {

using testing::ReferenceLog;

/// The value of the first line from `from` on that starts with `label`; empty when none.
std::string value_of(const ReferenceLog& log, std::string_view label, std::size_t from = 0) {
  for (std::size_t i = from; i < log.plain.size(); ++i) {
    if (log.plain[i].starts_with(label)) {
      const std::string& line = log.plain[i];
      return line.substr(std::min(line.find_first_not_of(' ', label.size()), line.size()));
    }
  }
  return {};
}

std::int64_t count_of(const ReferenceLog& log, std::string_view label) {
  return std::atoll(value_of(log, label).c_str());
}

double number_of(const ReferenceLog& log, std::string_view label, std::size_t from = 0) {
  return std::strtod(value_of(log, label, from).c_str(), nullptr);
}

/// All numbers of a bracketed list, inner parentheses or not.
std::vector<double> list_of(const std::string& text) {
  std::vector<double> values;
  const char* at = text.c_str();
  while (*at != '\0') {
    char* end = nullptr;
    const double value = std::strtod(at, &end);
    if (end == at) {
      ++at;
    } else {
      values.push_back(value);
      at = end;
    }
  }
  return values;
}

void read_series(const ReferenceLog& log, RunResult& result, SummarySettings& settings) {
  const std::string line = value_of(log, "Throughput per ");
  settings.log_interval = std::strtod(line.c_str(), nullptr);
  const auto values = list_of(line.substr(line.find("]): ") + 4));
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
    result.interval_throughput.push_back({values[i], values[i + 1]});
  }
  const std::string power = value_of(log, "Power per ");
  if (!power.empty()) {
    result.interval_power = list_of(power.substr(power.find('[')));
  }
}

void read_prefix(const ReferenceLog& log, PrefixTotals& prefix) {
  prefix.any_caching = log.find("Prefix Caching Results") < log.plain.size();
  prefix.requested = count_of(log, "Total requested prompt tokens:");
  prefix.npu_hit = count_of(log, "NPU prefix hit prompt tokens:");
  for (const auto& [label, storage] :
       {std::pair{"CPU prefix hit prompt tokens:", PrefixStorage::cpu},
        std::pair{"CXL prefix hit prompt tokens:", PrefixStorage::cxl}}) {
    if (!value_of(log, label).empty()) {
      prefix.storage = storage;
      prefix.lower_hit = count_of(log, label);
    }
  }
}

void read_energy(const ReferenceLog& log, RunResult& result) {
  result.total_energy = number_of(log, "Total energy consumption (kJ):") * 1000.0;
  for (std::size_t at = log.find("total energy consumption (kJ):"); at < log.plain.size();
       at = log.find("total energy consumption (kJ):", at + 1)) {
    NodeEnergy node;
    const auto number_after_colon = [&log](std::size_t line) {
      return std::strtod(log.plain[line].c_str() + log.plain[line].find(':') + 1, nullptr);
    };
    node.total = number_after_colon(at) * 1000.0;
    for (std::size_t c = 0; c < node.components.size(); ++c) {
      node.components[c] = number_after_colon(at + 1 + c);
    }
    result.energy.push_back(node);
  }
}

/// Prompt tokens are in the log only as a rate.
std::int64_t prompt_tokens_of(const ReferenceLog& log, Nanos clocks) {
  return std::llround(number_of(log, "Average prompt throughput (tok/s):") *
                      static_cast<double>(clocks.count()) / 1e9);
}

RunResult result_of(const ReferenceLog& log, SummarySettings& settings) {
  RunResult result;
  result.total_clocks = Nanos{count_of(log, "Total clocks (ns):")};
  result.requests = count_of(log, "Total requests:");
  result.input_tokens = count_of(log, "Total input tokens:");
  result.generated_tokens = count_of(log, "Total generated tokens:");
  result.prompt_tokens = prompt_tokens_of(log, result.total_clocks);
  result.preemptions = count_of(log, "Preemptions:");
  result.recompute_tokens = count_of(log, "Recomputed prompt tokens (preemption):");
  read_series(log, result, settings);
  read_prefix(log, result.prefix);
  read_energy(log, result);
  return result;
}

std::size_t instances_in(const ReferenceLog& log) {
  std::size_t count = 0;
  for (const std::string& line : log.plain) {
    count += line.starts_with("─") && line.find(" Instance [") != std::string::npos ? 1U : 0U;
  }
  return count;
}

/// From the throughput rule to the rule after the last instance.
std::string comparable_part(const std::string& text) {
  const auto lines = testing::lines_of(text);
  std::string part;
  bool within = false;
  for (const std::string& line : lines) {
    within = within || line.find("Throughput Results") != std::string::npos;
    if (line.find("Kernel Times") != std::string::npos ||
        line.find("Saving each request") != std::string::npos ||
        line.find("inputs root") != std::string::npos) {
      within = false;
      break;
    }
    part += within ? line + '\n' : "";
  }
  return part;
}

TEST(SummaryConformance, EverySummaryIsPrintedAsItWas) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::size_t compared = 0;
  std::size_t recorded = 0;
  for (const auto& file : testing::all_logs(reference)) {
    const ReferenceLog log(file);
    const auto csv = testing::csv_of(file, reference);
    const std::size_t begin = log.find("Throughput Results");
    if (!csv || begin == log.plain.size()) {
      continue;
    }
    testing::FinishedRequests finished = testing::parse_request_csv(testing::read_bytes(*csv));
    finished.resize(instances_in(log));
    SummarySettings settings;
    RunResult result = result_of(log, settings);
    result.done = finished.done;
    EXPECT_EQ(comparable_part(summary(result, settings, Painter(80, log.coloured))),
              comparable_part(log.text(begin, log.raw.size())))
        << file;
    EXPECT_EQ(static_cast<std::size_t>(result.requests), finished.rows()) << file;
    ++compared;
    recorded += file.filename() == "sim.log" ? 1U : 0U;
  }
  std::printf("%zu summaries, %zu of them of recorded runs\n", compared, recorded);
  EXPECT_EQ(recorded, 4U);
  EXPECT_GE(compared, 19U);
}

}  // namespace
}  // namespace lockstep
