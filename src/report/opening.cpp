#include "report/opening.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "config/number_text.hpp"

namespace lockstep {
namespace {

constexpr std::int32_t kLabelColumns = 26;

std::string_view switch_text(bool on) {
  return on ? "ENABLED" : "DISABLED";
}

std::string limit_text(std::int64_t limit) {
  return limit == 0 ? "inf" : fmt::format("{}", limit);
}

std::string_view text_of(RoutingPolicy policy) {
  switch (policy) {
    case RoutingPolicy::load:
      return "LOAD";
    case RoutingPolicy::round_robin:
      return "RR";
    case RoutingPolicy::random:
      return "RAND";
    case RoutingPolicy::prefix:
      return "PREFIX";
    case RoutingPolicy::session:
      return "SESSION";
    case RoutingPolicy::custom:
      break;
  }
  return "CUSTOM";
}

std::string_view text_of(ExpertRoutingPolicy policy) {
  switch (policy) {
    case ExpertRoutingPolicy::balanced:
      return "BALANCED";
    case ExpertRoutingPolicy::round_robin:
      return "RR";
    case ExpertRoutingPolicy::random:
      return "RAND";
    case ExpertRoutingPolicy::custom:
      break;
  }
  return "CUSTOM";
}

std::string_view text_of(PrefixStorage storage) {
  switch (storage) {
    case PrefixStorage::cpu:
      return "xPU + CPU";
    case PrefixStorage::cxl:
      return "xPU + CXL";
    case PrefixStorage::none:
      break;
  }
  return "xPU-Only";
}

std::string_view text_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return "DEBUG";
    case LogLevel::info:
      return "INFO";
    case LogLevel::warning:
      break;
  }
  return "WARNING";
}

std::string_view text_of(Fidelity fidelity) {
  return fidelity == Fidelity::reference ? "reference" : "vllm";
}

std::string_view text_of(ExpertExchange exchange) {
  return exchange == ExpertExchange::all_to_all ? "all-to-all" : "all-gather + reduce-scatter";
}

/// Rows of "  • <label> : <value>".
class Rows {
public:
  explicit Rows(const Painter& painter) : painter_(painter) {}

  /// A value that is coloured word by word.
  void add(std::string_view label, std::string_view value) {
    add_plain(label, painter_.value(value.empty() ? "N/A" : value));
  }
  void add_plain(std::string_view label, std::string_view value) {
    text_ += fmt::format("  • {} : {}\n", painter_.label(label, kLabelColumns), value);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

private:
  const Painter& painter_;
  std::string text_;
};

void add_reference_rows(Rows& rows, const RunOptions& options, std::string_view run_id) {
  rows.add("Cluster config", options.cluster_config);
  rows.add_plain("Run ID", run_id);
  rows.add("Dataset", options.dataset.value_or(""));
  rows.add("Max num seqs", limit_text(options.max_num_seqs));
  rows.add("Max batched tokens", limit_text(options.max_num_batched_tokens));
  rows.add("Block size (tokens)", fmt::format("{}", options.block_size));
  rows.add("Request routing", text_of(options.request_routing_policy));
  rows.add("Expert routing", text_of(options.expert_routing_policy));
  rows.add("Prefix caching", switch_text(options.enable_prefix_caching));
  rows.add("Chunked prefill", switch_text(options.enable_chunked_prefill));
  rows.add("Prefix caching scheme", text_of(options.prefix_storage));
  rows.add("Centralized prefix caching", switch_text(options.enable_prefix_sharing));
  rows.add("Offload attention to PIM", switch_text(options.enable_attn_offloading));
  rows.add("Sub-batch interleaving", switch_text(options.enable_sub_batch_interleaving));
  rows.add("Network backend", options.network_backend);
  rows.add("Log interval (s)", float_text(options.log_interval));
  rows.add("Log level", text_of(options.log_level));
}

void add_own_rows(Rows& rows, const RunOptions& options,
                  const std::vector<std::string>& kernel_times) {
  rows.add("Fidelity", text_of(options.fidelity));
  if (options.fidelity == Fidelity::vllm) {
    rows.add("Engine",
             fmt::format(
                 "vLLM {}; terms: {}{}", kEngineVersion, to_string(options.engine_terms),
                 options.calibration ? "; calibrated by " + *options.calibration : std::string()));
  }
  rows.add("Expert exchange", text_of(options.expert_exchange));
  constexpr std::string_view kLabel = "Kernel times";
  if (kernel_times.empty()) {
    rows.add(kLabel, "");
  }
  for (std::size_t i = 0; i < kernel_times.size(); ++i) {
    rows.add(i == 0 ? kLabel : "", kernel_times[i]);
  }
}

}  // namespace

std::string banner(std::string_view version, const Painter& painter) {
  return painter.name_rule(fmt::format("Lockstep {}", version)) +
         painter.centred("Every step of an LLM serving cluster, before the hardware is bought") +
         painter.rule();
}

std::string input_configuration(const RunOptions& options, std::string_view run_id,
                                const std::vector<std::string>& kernel_times,
                                const Painter& painter) {
  Rows rows(painter);
  add_reference_rows(rows, options, run_id);
  add_own_rows(rows, options, kernel_times);
  return painter.centred("Input configuration") + '\n' + rows.text() + painter.rule();
}

std::string kv_initialization(std::span<const NpuKvLayout> capacities, const Painter& painter) {
  std::vector<std::string> labels;
  std::size_t widest = 0;
  for (std::size_t i = 0; i < capacities.size(); ++i) {
    labels.push_back(fmt::format("Instance [{}]", i));
    widest = std::max(widest, labels.back().size());
  }
  std::string text = painter.centred("KV Cache Initialization") + '\n';
  for (std::size_t i = 0; i < capacities.size(); ++i) {
    const NpuKvLayout& kv = capacities[i];
    const double gib =
        static_cast<double>(kv.blocks * kv.bytes_per_block.count()) / static_cast<double>(kGiB);
    text += fmt::format("  • {} : {} tokens / {} blocks ({:.2f} GiB/rank at util {:.2f})\n",
                        painter.paint(style::kLabel, fmt::format("{:<{}}", labels[i], widest)),
                        kv.blocks * kv.block_size, kv.blocks, gib, kv.utilization);
  }
  return text + painter.rule();
}

}  // namespace lockstep
