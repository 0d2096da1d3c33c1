#include "report/console_reporter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>

#include "report/opening.hpp"
#include "report/summary.hpp"

namespace lockstep {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A whole run printed into memory. `text()` ends the printing.
class Printed {
public:
  explicit Printed(RunOptions options, bool quiet = false) : options_(std::move(options)) {
    Instance instance;
    instance.tp = 2;
    cluster_.instances.push_back(instance);
    cluster_.warnings = {"'mem_bw' is overwritten."};
    stream_ = open_memstream(&buffer_, &size_);
    ConsoleSettings settings;
    settings.stream = stream_;
    settings.quiet = quiet;
    settings.clock = [] { return WallTime{2026, 1, 2, 3, 4, 5, 6}; };
    reporter_ = std::make_unique<ConsoleReporter>(options_, cluster_, settings);
  }
  ~Printed() {
    reporter_.reset();
    std::fclose(stream_);
    std::free(buffer_);
  }
  Printed(const Printed&) = delete;
  Printed& operator=(const Printed&) = delete;

  std::string whole_run() {
    reporter_->opening("9.9", "run_1", {"bundle"});
    reporter_->kv_initialization(capacities_);
    reporter_->on_log({LogSeverity::info, "Router", -1, -1, "Loaded 2 requests"});
    reporter_->start();
    Heartbeat heartbeat;
    heartbeat.mark = Nanos{1'000'000'000};
    reporter_->on_heartbeat(heartbeat);
    StepEvent step;
    step.instances = {0};
    step.batch_sizes = {1};
    step.npu_used = {Bytes{kGiB}};
    reporter_->on_step(step);
    reporter_->on_log({LogSeverity::debug, "Scheduler", 0, 0, "deep"});
    reporter_->exiting(result_);
    reporter_->results(result_, 1.5);
    reporter_->saving("out/{run_id}.csv");
    reporter_->flush();
    return {buffer_, size_};
  }

  RunResult result_;
  const std::vector<NpuKvLayout> capacities_{{10, 16, Bytes{kMiB}, Bytes{100 * kMiB}, Bytes{200 * kMiB}, 0.9}};
  RunOptions options_;
  Cluster cluster_;
  std::unique_ptr<ConsoleReporter> reporter_;

private:
  std::FILE* stream_ = nullptr;
  char* buffer_ = nullptr;
  std::size_t size_ = 0;
};

TEST(ConsoleReporter, PartsFollowEachOther) {
  Printed printed{RunOptions{}};
  const Painter plain(80, false);
  const std::string expected =
      banner("9.9", plain) + input_configuration(RunOptions{}, "run_1", {"bundle"}, plain) +
      "[03:04:05.006] [ConfigBuilder] WARNING  'mem_bw' is overwritten.\n" +
      kv_initialization(printed.capacities_, plain) +
      "▶ Starting simulation...\n\n"
      "[1.0s] Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 0.0 tokens/s\n" +
      plain.rule() +
      "▶ Exiting simulation...\n\nChecking Non-Exited Systems ...\nAll Request Has Been Exited\n" +
      summary(RunResult{}, {1.0, 1.5}, plain) +
      "Saving each request's information to output file: out/{run_id}.csv\n";
  EXPECT_EQ(printed.whole_run(), expected);
}

TEST(ConsoleReporter, InfoAddsMemorySizesAtTheirPlaces) {
  RunOptions options;
  options.log_level = LogLevel::info;
  const std::string text = Printed(options).whole_run();
  EXPECT_THAT(text,
              HasSubstr("[03:04:05.006] [MemoryModel] [node=0,inst=0] INFO     NPU: model weight "
                        "200MB loaded\n"
                        "[03:04:05.006] [MemoryModel] [node=0,inst=0] INFO     NPU: KV cache 10 "
                        "blocks (160 tokens, 10.00MB) at utilization 0.90\n"
                        "                            KV Cache Initialization"));
  EXPECT_THAT(text, HasSubstr("INFO     Loaded 2 requests\n▶ Starting simulation...\n"));
  EXPECT_THAT(text, HasSubstr("INFO     NPU: used: 100.00MB remove: 100.00MB after: 0.00MB\n──"));
  EXPECT_THAT(text, Not(HasSubstr("deep")));
}

TEST(ConsoleReporter, DebugShowsEverything) {
  RunOptions options;
  options.log_level = LogLevel::debug;
  EXPECT_THAT(Printed(options).whole_run(), HasSubstr("DEBUG    deep\n"));
}

TEST(ConsoleReporter, LineFormatShowsStepsInsteadOfTrees) {
  RunOptions options;
  options.log_format = LogFormat::line;
  Printed printed(options);
  EXPECT_TRUE(printed.reporter_->wants_steps());
  const std::string text = printed.whole_run();
  EXPECT_THAT(text, HasSubstr("[INFO] step=0 batch=1 prompt_t=0 tok/s"));
  EXPECT_THAT(text, Not(HasSubstr("Avg prompt throughput:")));
}

TEST(ConsoleReporter, QuietKeepsWarningsAndErrors) {
  RunOptions options;
  options.log_level = LogLevel::debug;
  options.log_format = LogFormat::line;
  Printed printed(options, true);
  printed.result_.leaks = {"Memory leak detected: 1 block"};
  EXPECT_FALSE(printed.reporter_->wants_steps());
  EXPECT_EQ(printed.whole_run(),
            "[03:04:05.006] [ConfigBuilder] WARNING  'mem_bw' is overwritten.\n"
            "[03:04:05.006] [MemoryModel] ERROR    Memory leak detected: 1 block\n");
}

TEST(ConsoleReporter, RequestsThatRemainAreSaid) {
  Printed printed{RunOptions{}};
  printed.result_.all_exited = false;
  EXPECT_THAT(printed.whole_run(), HasSubstr("\nERROR: Some Requests Remain\n"));
}

TEST(ConsoleReporter, ATerminalSeesEveryPartAtOnce) {
  char* buffer = nullptr;
  std::size_t size = 0;
  std::FILE* stream = open_memstream(&buffer, &size);
  const RunOptions options;
  const Cluster cluster;
  {
    ConsoleSettings settings;
    settings.stream = stream;
    settings.terminal.interactive = true;
    ConsoleReporter reporter(options, cluster, settings);
    reporter.start();
    EXPECT_GT(size, 0U);
  }
  std::fclose(stream);
  std::free(buffer);
}

TEST(DetectTerminal, AFileIsNoTerminal) {
  std::FILE* file = std::tmpfile();
  ASSERT_EQ(unsetenv("COLUMNS"), 0);
  const Terminal terminal = detect_terminal(file);
  EXPECT_FALSE(terminal.interactive);
  EXPECT_FALSE(terminal.colour);
  EXPECT_EQ(terminal.width, 80);
  ASSERT_EQ(setenv("COLUMNS", "132", 1), 0);
  EXPECT_EQ(detect_terminal(file).width, 132);
  for (const char* nonsense : {"", "0", "-3", "9x", "99999999999"}) {
    ASSERT_EQ(setenv("COLUMNS", nonsense, 1), 0);
    EXPECT_EQ(detect_terminal(file).width, 80) << nonsense;
  }
  ASSERT_EQ(unsetenv("COLUMNS"), 0);
  std::fclose(file);
}

}  // namespace
}  // namespace lockstep
