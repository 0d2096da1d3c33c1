#include "report/console_reporter.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <utility>

#include "report/heartbeat_tree.hpp"
#include "report/opening.hpp"
#include "report/step_line.hpp"
#include "report/summary.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kPendingLimit = std::size_t{1} << 16;

double in_mb(Bytes size) {
  return static_cast<double>(size.count()) / static_cast<double>(kMiB);
}

}  // namespace

ConsoleReporter::ConsoleReporter(const RunOptions& options, const Cluster& cluster,
                                 ConsoleSettings settings)
    : options_(options),
      cluster_(cluster),
      settings_(std::move(settings)),
      painter_(settings_.terminal) {
  pending_.reserve(kPendingLimit * 2);
}

ConsoleReporter::~ConsoleReporter() {
  flush();
}

void ConsoleReporter::flush() {
  if (!pending_.empty()) {
    std::fwrite(pending_.data(), 1, pending_.size(), settings_.stream);
    pending_.clear();
  }
  std::fflush(settings_.stream);
}

void ConsoleReporter::print(std::string_view text) {
  pending_ += text;
  if (pending_.size() >= kPendingLimit) {
    flush();
  }
}

void ConsoleReporter::settle() {
  if (settings_.terminal.interactive) {
    flush();
  }
}

LogSeverity ConsoleReporter::min_severity() const {
  return settings_.quiet ? LogSeverity::warning : severity_of(options_.log_level);
}

bool ConsoleReporter::wants_steps() const {
  return !settings_.quiet && options_.log_format == LogFormat::line;
}

void ConsoleReporter::on_log(const LogRecord& record) {
  warnings_ += record.severity == LogSeverity::warning ? 1 : 0;
  if (record.severity >= min_severity()) {
    print(console_log_line(record, settings_.clock()));
  }
}

void ConsoleReporter::on_heartbeat(const Heartbeat& heartbeat) {
  if (settings_.quiet || options_.log_format != LogFormat::tree) {
    return;
  }
  const CxlUsage usage = FidelityPolicy::for_mode(options_.fidelity).cxl_use_is_a_fraction
                             ? CxlUsage::fraction
                             : CxlUsage::percent;
  print(heartbeat_tree(heartbeat, painter_, usage));
  settle();
}

void ConsoleReporter::on_step(const StepEvent& step) {
  if (wants_steps()) {
    print(step_line(step, cluster_));
    settle();
  }
}

void ConsoleReporter::opening(std::string_view version, std::string_view run_id,
                              const std::vector<std::string>& kernel_times) {
  if (!settings_.quiet) {
    print(banner(version, painter_));
    print(input_configuration(options_, run_id, kernel_times, painter_));
  }
  for (const std::string& warning : cluster_.warnings) {
    on_log({LogSeverity::warning, "ConfigBuilder", -1, -1, warning});
  }
  settle();
}

void ConsoleReporter::log_memory(std::size_t instance, std::string text) {
  const Instance& owner = cluster_.instances[instance];
  on_log({LogSeverity::info, "MemoryModel", owner.node, owner.id, std::move(text)});
}

void ConsoleReporter::kv_initialization(std::span<const NpuKvLayout> capacities) {
  capacities_.assign(capacities.begin(), capacities.end());
  if (min_severity() <= LogSeverity::info) {
    for (std::size_t i = 0; i < capacities.size(); ++i) {
      const NpuKvLayout& kv = capacities[i];
      log_memory(i, fmt::format("NPU: model weight {}MB loaded",
                                kv.weight_bytes.count() * cluster_.instances[i].tp / kMiB));
      log_memory(i,
                 fmt::format("NPU: KV cache {} blocks ({} tokens, {:.2f}MB) at utilization {:.2f}",
                             kv.blocks, kv.blocks * kv.block_size,
                             in_mb(kv.blocks * kv.bytes_per_block), kv.utilization));
    }
  }
  if (!settings_.quiet) {
    print(lockstep::kv_initialization(capacities, painter_));
    settle();
  }
}

void ConsoleReporter::start() {
  if (!settings_.quiet) {
    print(painter_.stage("Starting simulation...") + '\n');
    settle();
  }
}

void ConsoleReporter::exiting(const RunResult& result) {
  if (min_severity() <= LogSeverity::info) {
    for (std::size_t i = 0; i < capacities_.size(); ++i) {
      const double weight = in_mb(capacities_[i].weight_bytes);
      log_memory(i,
                 fmt::format("NPU: used: {:.2f}MB remove: {:.2f}MB after: 0.00MB", weight, weight));
    }
  }
  for (const std::string& leak : result.leaks) {
    on_log({LogSeverity::error, "MemoryModel", -1, -1, leak});
  }
  if (!settings_.quiet) {
    print(painter_.rule() + painter_.stage("Exiting simulation...") + '\n');
    print("Checking Non-Exited Systems ...\n");
    print(result.all_exited ? "All Request Has Been Exited\n" : "ERROR: Some Requests Remain\n");
    settle();
  }
}

void ConsoleReporter::results(const RunResult& result, double wall_seconds,
                              std::vector<InstanceLatencies>* latencies) {
  if (!settings_.quiet) {
    print(summary(result, {options_.log_interval, wall_seconds, latencies}, painter_));
    settle();
  }
}

void ConsoleReporter::count_warnings() {
  if (warnings_ > 0) {
    extra(fmt::format("{} warning{}: see above; --strict makes {}\n", warnings_,
                      warnings_ == 1 ? "" : "s", warnings_ == 1 ? "it an error" : "them errors"));
  }
}

void ConsoleReporter::extra(std::string_view text) {
  if (!settings_.quiet) {
    print(text);
    settle();
  }
}

void ConsoleReporter::saving(std::string_view path) {
  if (!settings_.quiet) {
    print(fmt::format("Saving each request's information to output file: {}\n", path));
    settle();
  }
}

}  // namespace lockstep
