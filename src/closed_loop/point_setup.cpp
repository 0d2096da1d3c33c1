#include "closed_loop/point_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.hpp"
#include "model/description/read_description.hpp"

namespace lockstep {
namespace {

std::string setting(const Recipe& recipe, std::string_view name) {
  const auto found = recipe.find(name);
  return found == recipe.end() ? "" : found->second;
}

std::optional<double> number(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::int64_t whole_or(const std::string& text, std::int64_t absent) {
  const auto value = number(text);
  return value ? static_cast<std::int64_t>(*value) : absent;
}

bool starts(const std::string& text, std::string_view with) {
  return text.rfind(with, 0) == 0;
}

/// "0.18.0" as 18, "nightly-..." as a recent one.
std::int64_t minor_version(const std::string& version) {
  std::int64_t minor = 0;
  if (starts(version, "0.")) {
    (void)std::from_chars(version.data() + 2, version.data() + version.size(), minor);
    return minor;
  }
  return 19;
}

std::string checkpoint_of(const MeasuredPoint& point, const Recipe& recipe) {
  std::string named = setting(recipe, "checkpoint");
  if (!named.empty()) {
    return named;
  }
  // A model's own fp8 checkpoint bears its name with a suffix.
  return point.precision == "fp8" && point.model.find("FP8") == std::string::npos
             ? point.model + "-FP8"
             : point.model;
}

bool on_hopper(const MeasuredPoint& point) {
  return starts(point.gpu, "h100") || starts(point.gpu, "h200");
}

bool on_blackwell(const MeasuredPoint& point) {
  return starts(point.gpu, "b") || starts(point.gpu, "gb");
}

/// A run from before its recipe's first day may not have had the recipe's flags.
bool precedes(const MeasuredPoint& point, const Recipe& recipe) {
  return !point.measured.empty() && point.measured < setting(recipe, "from");
}

std::int64_t largest_graph(const MeasuredPoint& point, const Recipe& recipe,
                           std::int64_t max_num_seqs) {
  const std::int64_t usual = minor_version(point.engine_version) >= 11
                                 ? std::min<std::int64_t>(2 * max_num_seqs, 512)
                                 : 512;
  return precedes(point, recipe) ? usual : whole_or(setting(recipe, "graph_capture_max"), usual);
}

/// Marlin runs 4-bit experts as it does whatever the 4 bits mean. Before 0.11 it was Hopper's
/// default, as the engine came without the Triton kernels for them.
bool runs_marlin(const MeasuredPoint& point, const std::string& experts) {
  return experts == "Marlin" ||
         (experts == "default" && on_hopper(point) && point.precision == "fp4" &&
          minor_version(point.engine_version) < 11);
}

StepOptions options_of(const MeasuredPoint& point, const Recipe& recipe,
                       std::int64_t max_num_seqs) {
  StepOptions options;
  options.graph_sizes = default_graph_sizes(largest_graph(point, recipe, max_num_seqs));
  options.fused_all_reduce_norm = starts(setting(recipe, "fusions"), "allreduce+norm");
  const std::string experts = setting(recipe, "experts");
  if (experts.find("mxfp8") != std::string::npos) {
    options.expert_precision = Precision::mxfp4_fp8;
  } else if (runs_marlin(point, experts)) {
    options.expert_precision = Precision::int4;
  } else if (starts(experts, "Triton")) {
    options.expert_kernel = ExpertKernel::triton;
  } else if (on_blackwell(point)) {
    options.expert_kernels = 2;  // FlashInfer's TensorRT-LLM kernel and what quantises for it
  }
  return options;
}

bool asynchronous(const MeasuredPoint& point, const Recipe& recipe) {
  const std::string flag = setting(recipe, "async_scheduling");
  return flag.empty() || starts(flag, "default") ? minor_version(point.engine_version) >= 14
                                                 : flag == "on";
}

ServerSettings server_of(const MeasuredPoint& point, const Recipe& recipe,
                         std::int64_t script_limit) {
  ServerSettings server;
  const std::string batched = setting(recipe, "max_num_batched_tokens");
  server.max_num_batched_tokens = batched == "2 x isl" ? 2 * point.input : whole_or(batched, 8192);
  const std::string sequences = setting(recipe, "max_num_seqs");
  server.max_num_seqs = sequences == "concurrency" ? script_limit : whole_or(sequences, 1024);
  server.block_size = whole_or(setting(recipe, "block_size"), 16);
  server.flashinfer = on_blackwell(point) && minor_version(point.engine_version) < 11;
  server.async_scheduling = asynchronous(point, recipe);
  server.full_graphs =
      setting(recipe, "cuda_graphs") != "PIECEWISE" && minor_version(point.engine_version) >= 10;
  return server;
}

void refuse_unknown_modes(const MeasuredPoint& point) {
  if (!point.aggregated) {
    throw UserError("prefill and decode workers apart", Where{}, "take aggregated points");
  }
}

}  // namespace

bool rounds_float32(const Recipe& recipe) {
  return setting(recipe, "fusions").find("fp32 matmul precision high") != std::string::npos;
}

PointSetup set_up_point(const MeasuredPoint& point, const Recipe& recipe,
                        const std::vector<std::filesystem::path>& model_dirs,
                        std::optional<std::int64_t> script_limit) {
  refuse_unknown_modes(point);
  PointSetup setup;
  DescriptionOptions description;
  const std::string cache = setting(recipe, "kv_cache_dtype");
  description.kv_cache_dtype = cache.empty() ? "auto" : cache;
  setup.model = find_description(model_dirs, checkpoint_of(point, recipe), description);
  setup.split = ParallelSplit::of(point.tp, point.attention_dp, point.moe_ep > 1, point.pp);
  const std::int64_t limit = script_limit.value_or(point.concurrency);
  setup.server = server_of(point, recipe, limit);
  setup.options = options_of(point, recipe, setup.server.max_num_seqs);
  setup.memory = {.gpu = Bytes{0},
                  .utilization = number(setting(recipe, "gpu_memory_utilization")).value_or(0.9),
                  .max_num_batched_tokens = setup.server.max_num_batched_tokens,
                  .max_num_seqs = setup.server.max_num_seqs,
                  .block_size = setup.server.block_size};
  setup.client.concurrency = point.concurrency;
  setup.lengths =
      draw_lengths(10 * limit, point.input, point.output, point.varied_lengths() ? 0.8 : 1.0, 0);
  return setup;
}

}  // namespace lockstep
