// Prints a run: opening, heartbeats or step lines, log lines, summary, in the order of a run.
//
// The owner calls opening(), then kv_initialization(), start(), runs the engine with this as its
// observer, then exiting(), results() and, when a file is written, saving(). Text is collected and
// written in large pieces; at a terminal every part appears when it is complete.
#pragma once

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/cluster.hpp"
#include "config/run_options.hpp"
#include "engine/run_result.hpp"
#include "report/log_line.hpp"
#include "report/painter.hpp"
#include "report/result_stream.hpp"
#include "report/terminal.hpp"
#include "serving/npu_kv_layout.hpp"

namespace lockstep {

struct ConsoleSettings {
  std::FILE* stream = stdout;
  Terminal terminal;   ///< of `stream`, from detect_terminal()
  bool quiet = false;  ///< warnings and errors only
  WallClock clock = local_wall_time;
};

class ConsoleReporter : public RunObserver {
public:
  /// `options` and `cluster` must outlive the reporter.
  ConsoleReporter(const RunOptions& options, const Cluster& cluster, ConsoleSettings settings);
  ~ConsoleReporter() override;
  ConsoleReporter(const ConsoleReporter&) = delete;
  ConsoleReporter& operator=(const ConsoleReporter&) = delete;

  /// Banner and settings, then the cluster's warnings. `kernel_times`: one line a source.
  void opening(std::string_view version, std::string_view run_id,
               const std::vector<std::string>& kernel_times);
  /// At level INFO also the sizes of weights and KV cache.
  void kv_initialization(std::span<const NpuKvLayout> capacities);
  void start();
  /// Leaks (errors), then the lines that end a simulation.
  void exiting(const RunResult& result);
  /// `latencies`: see SummarySettings.
  void results(const RunResult& result, double wall_seconds,
               std::vector<InstanceLatencies>* latencies = nullptr);
  /// Any text, unless quiet.
  void extra(std::string_view text);
  /// How many warnings there were, if any.
  void count_warnings();
  /// `path` as the user gave it.
  void saving(std::string_view path);

  void on_log(const LogRecord& record) override;
  void on_heartbeat(const Heartbeat& heartbeat) override;
  void on_step(const StepEvent& step) override;
  [[nodiscard]] LogSeverity min_severity() const override;
  [[nodiscard]] bool wants_steps() const override;

  void flush();

private:
  void print(std::string_view text);
  /// Shows at a terminal what is complete.
  void settle();
  void log_memory(std::size_t instance, std::string text);

  const RunOptions& options_;
  const Cluster& cluster_;
  ConsoleSettings settings_;
  Painter painter_;
  std::vector<NpuKvLayout> capacities_;
  std::string pending_;
  std::int64_t warnings_ = 0;
};

}  // namespace lockstep
