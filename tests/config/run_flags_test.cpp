#include "config/run_flags.hpp"

#include <cmath>
#include <fstream>
#include <sstream>

#include "cluster_support.hpp"
#include "config/number_text.hpp"
#include "config/run_options_check.hpp"

namespace lockstep::testing {
namespace {

using Args = std::vector<std::string>;

Args words(const std::string& line) {
  std::istringstream in(line);
  Args args;
  for (std::string word; in >> word;) {
    args.push_back(word);
  }
  return args;
}

RunOptions accepted(const std::string& line) {
  const RunFlags result = parse_run_flags(words(line));
  if (const auto* parsed = std::get_if<ParsedFlags>(&result)) {
    return parsed->options;
  }
  ADD_FAILURE() << "refused: " << line;
  return {};
}

std::string refused(const Args& args) {
  const RunFlags result = parse_run_flags(args);
  if (const auto* error = std::get_if<UsageError>(&result)) {
    return error->message;
  }
  return "accepted";
}

std::string first_given(const std::string& line) {
  const RunFlags result = parse_run_flags(words(line));
  if (std::holds_alternative<HelpText>(result)) {
    return "--help";
  }
  const auto* parsed = std::get_if<ParsedFlags>(&result);
  return parsed != nullptr && parsed->given.size() == 1 ? *parsed->given.begin() : "refused";
}

TEST(RunFlags, DefaultsAreTheFields) {
  const RunOptions options = accepted("");
  EXPECT_EQ(options.cluster_config, "configs/cluster/single_node_single_instance.json");
  EXPECT_EQ(options.max_num_seqs, 128);
  EXPECT_EQ(options.max_num_batched_tokens, 2048);
  EXPECT_EQ(options.block_size, 16);
  EXPECT_EQ(options.npu_memory_utilization, 0.9);
  EXPECT_FALSE(options.dtype);
  EXPECT_TRUE(options.enable_prefix_caching);
  EXPECT_EQ(options.fidelity, Fidelity::vllm);
}

TEST(RunFlags, WorkedExamples) {
  EXPECT_EQ(accepted("--num-req 1").num_reqs, 1);
  EXPECT_EQ(accepted("--num 1").num_reqs, 1);
  EXPECT_EQ(accepted("--nu=1").num_reqs, 1);
  EXPECT_FALSE(accepted("--no-c").cleanup_inputs);
  EXPECT_EQ(accepted("--num-reqs=1_000").num_reqs, 1000);
  EXPECT_EQ(accepted("--num-reqs 1 --num-reqs 2").num_reqs, 2);
  EXPECT_EQ(accepted("--num-reqs -3").num_reqs, -3);
  EXPECT_TRUE(accepted("--no-enable-prefix-caching --enable-prefix-caching").enable_prefix_caching);
  EXPECT_EQ(accepted("--dtype fp8").dtype, DataType::fp8);
  EXPECT_EQ(accepted("--prefix-storage CXL").prefix_storage, PrefixStorage::cxl);
  EXPECT_EQ(accepted("--log-interval 1e3").log_interval, 1000);
  EXPECT_TRUE(std::isinf(accepted("--log-interval inf").log_interval));
  EXPECT_EQ(accepted("--output a=b").output, "a=b");
}

TEST(RunFlags, WorkedRefusals) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--n 1",
       "ambiguous option: --n could match --no-enable-block-copy, --no-enable-prefix-caching, "
       "--no-enable-chunked-prefill, --no-reserve-full-isl, --npu-memory-utilization, "
       "--no-cleanup-inputs, --num-reqs, --network-backend"},
      {"--no",
       "ambiguous option: --no could match --no-enable-block-copy, --no-enable-prefix-caching, "
       "--no-enable-chunked-prefill, --no-reserve-full-isl, --no-cleanup-inputs"},
      {"--max-num 3",
       "ambiguous option: --max-num could match --max-num-seqs, --max-num-batched-tokens"},
      {"--re", "ambiguous option: --re could match --request-routing-policy, --reserve-full-isl"},
      {"--enable-pre",
       "ambiguous option: --enable-pre could match --enable-prefix-caching, "
       "--enable-prefix-sharing"},
      {"--log", "ambiguous option: --log could match --log-interval, --log-level"},
      {"--dtype FP8",
       "argument --dtype: invalid choice: 'FP8' (choose from 'float16', 'bfloat16', 'float32', "
       "'fp8', 'int8')"},
      {"--log-l debug",
       "argument --log-level: invalid choice: 'debug' (choose from 'WARNING', 'INFO', 'DEBUG')"},
      {"foo", "unrecognized arguments: foo"},
      {"--no-skip-prefill", "unrecognized arguments: --no-skip-prefill"},
      {"--num-reqs x", "argument --num-reqs: invalid int value: 'x'"},
      {"--num-reqs 8.5", "argument --num-reqs: invalid int value: '8.5'"},
      {"--num-reqs", "argument --num-reqs: expected one argument"},
      {"--num-reqs -- 5", "argument --num-reqs: expected one argument"},
      {"--log-interval -1e3", "argument --log-interval: expected one argument"},
      {"--num-reqs --dtype fp8", "argument --num-reqs: expected one argument"},
      {"--log-interval x", "argument --log-interval: invalid float value: 'x'"},
      {"--enable-block-copy=1",
       "argument --enable-block-copy/--no-enable-block-copy: ignored explicit argument '1'"},
      {"--skip-prefill=1", "argument --skip-prefill: ignored explicit argument '1'"},
      {"-hx", "argument -h/--help: ignored explicit argument 'x'"},
      {"-- foo", "unrecognized arguments: -- foo"},
  };
  for (const auto& [line, expected] : cases) {
    EXPECT_EQ(refused(words(line)), expected) << line;
  }
}

TEST(RunFlags, ShortestPrefixes) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"--b 1", "--block-size"},
      {"--cle", "--cleanup-inputs"},
      {"--clu x", "--cluster-config"},
      {"--da x", "--dataset"},
      {"--dt fp8", "--dtype"},
      {"--enable-a", "--enable-attn-offloading"},
      {"--enable-b", "--enable-block-copy"},
      {"--enable-c", "--enable-chunked-prefill"},
      {"--enable-l", "--enable-local-offloading"},
      {"--enable-prefix-c", "--enable-prefix-caching"},
      {"--enable-prefix-s", "--enable-prefix-sharing"},
      {"--enable-s", "--enable-sub-batch-interleaving"},
      {"--ex RR", "--expert-routing-policy"},
      {"--h", "--help"},
      {"--i x", "--inputs-root"},
      {"--k auto", "--kv-cache-dtype"},
      {"--log-i 1", "--log-interval"},
      {"--log-l INFO", "--log-level"},
      {"--lon 1", "--long-prefill-token-threshold"},
      {"--max-num-b 1", "--max-num-batched-tokens"},
      {"--max-num-s 1", "--max-num-seqs"},
      {"--ne ns3", "--network-backend"},
      {"--no-c", "--no-cleanup-inputs"},
      {"--no-enable-b", "--no-enable-block-copy"},
      {"--no-enable-c", "--no-enable-chunked-prefill"},
      {"--no-enable-p", "--no-enable-prefix-caching"},
      {"--no-r", "--no-reserve-full-isl"},
      {"--np 1", "--npu-memory-utilization"},
      {"--nu 1", "--num-reqs"},
      {"--o x", "--output"},
      {"--p CPU", "--prefix-storage"},
      {"--req RR", "--request-routing-policy"},
      {"--res", "--reserve-full-isl"},
      {"--ru x", "--run-id"},
      {"--s", "--skip-prefill"},
  };
  for (const auto& [line, name] : table) {
    EXPECT_EQ(first_given(line), name) << line;
    const std::string prefix = line.substr(0, line.find(' '));
    const std::string shorter = prefix.substr(0, prefix.size() - 1);
    EXPECT_NE(first_given(shorter + " " + line.substr(prefix.size())), name) << shorter;
  }
}

TEST(RunFlags, OwnFlagsNeverDisturbTheFields) {
  EXPECT_EQ(first_given("--fid vllm"), "--fidelity");
  EXPECT_EQ(first_given("--expert-e alltoall"), "--expert-exchange");
  EXPECT_EQ(first_given("--log-f line"), "--log-format");
  EXPECT_EQ(first_given("--per x"), "--perf-dir");
  EXPECT_EQ(first_given("--mo x"), "--model-dir");
  EXPECT_EQ(first_given("--pi x"), "--pim-dir");
  EXPECT_EQ(first_given("--str"), "--strict");
  EXPECT_EQ(first_given("--no-s"), "--no-strict");
  EXPECT_TRUE(accepted("--strict").strict);
  EXPECT_FALSE(accepted("--strict --no-strict").strict);
  EXPECT_EQ(accepted("--expert-exchange alltoall").expert_exchange, ExpertExchange::all_to_all);
  EXPECT_EQ(accepted("--fidelity vllm").fidelity, Fidelity::vllm);
  EXPECT_EQ(accepted("--log-format line").log_format, LogFormat::line);
  EXPECT_EQ(accepted("--perf-dir a --model-dir b --pim-dir c").pim_dir, "c");
}

TEST(RunFlags, TextsNameTheProgramAndTheLikelyFlag) {
  const RunFlags result = parse_run_flags(words("--num-rqes 1"), "lockstep run");
  const auto& error = std::get<UsageError>(result);
  EXPECT_EQ(error.message, "unrecognized arguments: --num-rqes 1");
  EXPECT_EQ(error.text.find("usage: lockstep run"), 0U);
  EXPECT_NE(error.text.find("\nlockstep run: error: unrecognized arguments: --num-rqes 1\n"
                            "  did you mean --num-reqs?\n"),
            std::string::npos);
  const RunFlags help = parse_run_flags(words("--num-reqs 3 -h --num-reqs x"));
  const std::string text = std::get<HelpText>(help).text;
  for (const char* flag : {"--[no-]enable-prefix-caching", "--fidelity", "(default: 2048)"}) {
    EXPECT_NE(text.find(flag), std::string::npos) << flag;
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100U) << line;
  }
}

TEST(RunFlags, NumbersAsPythonReadsThem) {
  for (const char* text : {"1", " 1 ", "+1", "0_1", "1\n"}) {
    EXPECT_EQ(int_from_text(text), 1) << text;
  }
  for (const char* text :
       {"", "_1", "1_", "1__0", "0x1", "1.0", "1e3", "- 1", "9223372036854775808"}) {
    EXPECT_FALSE(int_from_text(text)) << text;
  }
  EXPECT_EQ(float_from_text("1_0.5e-1"), 1.05);
  EXPECT_EQ(float_from_text(".5"), 0.5);
  EXPECT_EQ(float_from_text("5."), 5.0);
  EXPECT_EQ(float_from_text("-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(*float_from_text("NaN")));
  EXPECT_EQ(float_from_text("1e999"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(float_from_text("1e-999"), 0.0);
  for (const char* text : {"", ".", "e5", "1e", "1e+", "0x1p3", "1._5", "1 2"}) {
    EXPECT_FALSE(float_from_text(text)) << text;
  }
  EXPECT_EQ(float_text(16), "16.0");
  EXPECT_EQ(float_text(13.86), "13.86");
  EXPECT_EQ(float_text(16.848000000000003), "16.848000000000003");
  EXPECT_EQ(float_text(1e16), "1e+16");
  EXPECT_EQ(float_text(0.00001), "1e-05");
  EXPECT_EQ(plain_number_text(256), "256");
}

TEST(RunFlags, SettingsThatNoRunCanHave) {
  const auto problem = [](const std::string& line) {
    try {
      check_run_options(accepted(line));
    } catch (const UserError& error) {
      return error.where().path;
    }
    return std::string("accepted");
  };
  EXPECT_EQ(problem(""), "accepted");
  EXPECT_EQ(problem("--log-interval 0"), "--log-interval");
  EXPECT_EQ(problem("--log-interval nan"), "--log-interval");
  EXPECT_EQ(problem("--log-interval -1"), "--log-interval");
  EXPECT_EQ(problem("--log-interval inf"), "--log-interval");
  EXPECT_EQ(problem("--run-id a/b"), "--run-id");
  EXPECT_EQ(problem("--run-id .."), "--run-id");
  EXPECT_EQ(problem("--run-id run_1.a-b"), "accepted");
  EXPECT_EQ(problem("--network-backend ns3"), "--network-backend");
  EXPECT_EQ(problem("--request-routing-policy CUSTOM --dataset x"), "--request-routing-policy");
  EXPECT_EQ(problem("--cache-threshold 1.1"), "--cache-threshold");
  EXPECT_EQ(problem("--balance-abs-threshold=-1"), "--balance-abs-threshold");
  EXPECT_EQ(problem("--balance-rel-threshold 0.9"), "--balance-rel-threshold");
}

std::vector<std::string> ineffective(const std::string& line, const std::string& cluster) {
  const RunFlags result = parse_run_flags(words(line));
  const auto& parsed = std::get<ParsedFlags>(result);
  return ineffective_flags(parsed.options, parsed.given, load_own(cluster, parsed.options));
}

TEST(RunFlags, WhatChangesNothingIsSaid) {
  const std::string dense = "single_node_single_instance";
  EXPECT_TRUE(ineffective("--dataset x --num-reqs 3 --dtype fp8", dense).empty());
  const std::vector<std::string> lines = {
      "--expert-routing-policy RR",
      "--prefix-storage CPU --no-enable-prefix-caching",
      "--enable-prefix-sharing",
      "--inputs-root x",
      "--no-cleanup-inputs",
      "--expert-exchange alltoall",
      "--num-reqs 3",
      "--cache-threshold 0.5",
      "--balance-rel-threshold 2",
      "--kv-transfer whole",
      "--long-prefill-token-threshold 8 --no-enable-chunked-prefill",
  };
  for (const std::string& line : lines) {
    const auto notes = ineffective(line, dense);
    ASSERT_EQ(notes.size(), 1U) << line;
    EXPECT_EQ(notes[0].find(line.substr(0, line.find(' ')) + " has no effect: "), 0U) << notes[0];
  }
  EXPECT_EQ(ineffective("--max-num-seqs 7", "single_node_pd_per_instance_config").size(), 1U);
  EXPECT_TRUE(ineffective("--expert-routing-policy RR", "single_node_moe_dp_ep_instance").empty());
  EXPECT_TRUE(ineffective("--kv-transfer whole", "single_node_pd_instance").empty());
  EXPECT_TRUE(ineffective("--request-routing-policy PREFIX --cache-threshold 0.5 --dataset x",
                          "single_node_multi_instance")
                  .empty());
}

}  // namespace
}  // namespace lockstep::testing
