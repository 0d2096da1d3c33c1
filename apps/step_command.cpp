#include "step_command.hpp"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "engine/run_setup.hpp"
#include "model/description/read_description.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/operation_library.hpp"
#include "steps/gpu_kernels.hpp"
#include "steps/step_model.hpp"

namespace lockstep {
namespace {

struct StepFlags {
  std::string model;
  std::string gpu;
  std::optional<std::string> model_dir;
  DescriptionOptions description;
  std::string engine_version;
  std::int64_t tp = 1;
  std::int64_t attention_dp = 1;
  bool expert_parallel = false;
  std::int64_t prefill = 0;
  std::int64_t cached = 0;
  std::int64_t decode = 0;
  std::int64_t context = 1024;
  std::int64_t largest_graph = 512;
  bool fused_norms = false;
  bool no_tables = false;
};

std::string_view source_name(TimeSource source) {
  static constexpr std::array<std::string_view, 4> kNames = {"exact", "interpolated",
                                                             "extrapolated", "analytic"};
  return kNames[static_cast<std::size_t>(source)];
}

StepBatch batch_of(const StepFlags& flags) {
  StepBatch batch;
  if (flags.prefill > 0) {
    batch.prompts.push_back({flags.prefill, flags.cached, true});
  }
  batch.decodes = flags.decode;
  batch.decode_context = flags.decode * flags.context;
  if (batch.tokens() == 0) {
    throw UserError("the step is empty", Where{{}, 0, "step"}, "give --prefill, --decode or both");
  }
  return batch;
}

void print_operations(const std::vector<TimedOperation>& operations) {
  double sum = 0;
  std::array<double, 4> by_source{};
  for (const TimedOperation& operation : operations) {
    sum += operation.micros();
    by_source[static_cast<std::size_t>(operation.each.source)] += operation.micros();
  }
  fmt::print("{:>5} {:<28}{:<58}{:>10}{:>11}{:>7}  {}\n", "calls", "operation", "sizes", "us each",
             "us", "%", "source");
  for (const TimedOperation& operation : operations) {
    fmt::print("{:>5} {:<28}{:<58}{:>10.2f}{:>11.1f}{:>7.1f}  {}{}\n", operation.times,
               operation.name, operation_text(operation.operation), operation.each.micros,
               operation.micros(), 100 * operation.micros() / sum,
               source_name(operation.each.source),
               operation.each.distance > 0 ? fmt::format(" {:.2f}", operation.each.distance) : "");
  }
  fmt::print("\n{:.3f} ms on the GPU:", sum / 1e3);
  for (std::size_t i = 0; i < by_source.size(); ++i) {
    fmt::print(" {} {:.1f} %", source_name(static_cast<TimeSource>(i)), 100 * by_source[i] / sum);
  }
  fmt::print("\n");
}

void step(const StepFlags& flags) {
  RunOptions options;
  options.model_dir = flags.model_dir;
  ModelDescription model =
      find_description(search_paths(options).models, flags.model, flags.description);
  const OperationSource source = operation_times_for({.gpu = flags.gpu,
                                                      .engine_version = flags.engine_version,
                                                      .store = std::nullopt,
                                                      .allow_tables = !flags.no_tables});
  StepOptions running;
  running.graph_sizes = default_graph_sizes(flags.largest_graph);
  running.fused_all_reduce_norm = flags.fused_norms;
  if (const auto gpu = GpuCatalog().find(flags.gpu)) {
    take_kernels_of(*gpu, running);
  }
  const ParallelSplit split =
      ParallelSplit::of(flags.tp, flags.attention_dp, flags.expert_parallel);
  const StepBatch batch = batch_of(flags);
  const StepModel steps(std::move(model), split, running, source.times);
  fmt::print("{} on {}, tp {}, attention dp {}, experts tp {} ep {}\n{}\n", flags.model, flags.gpu,
             split.tp, split.attention_dp, split.moe_tp, split.moe_ep, source.times->description());
  for (const std::string& note : source.notes) {
    fmt::print("note: {}\n", note);
  }
  fmt::print("{} tokens, computed as {}\n\n", batch.tokens(),
             padded_tokens(running.graph_sizes, batch.tokens()));
  print_operations(steps.operations(batch));
}

}  // namespace

CLI::App* add_step_command(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("step", "one step of an engine: its operations, times and sources");
  auto flags = std::make_shared<StepFlags>();
  command->add_option("--model", flags->model, "name, config.json or folder")->required();
  command->add_option("--gpu", flags->gpu, "GPU")->required();
  command->add_option("--model-dir", flags->model_dir, "folder of model configs");
  command->add_option("--dtype", flags->description.dtype, "auto, float16, bfloat16, fp8")
      ->capture_default_str();
  command->add_option("--kv-cache-dtype", flags->description.kv_cache_dtype, "auto, bfloat16, fp8")
      ->capture_default_str();
  command->add_option("--engine-version", flags->engine_version,
                      "of the measured times (default: the newest)");
  command->add_option("--tp", flags->tp, "tensor-parallel ranks")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--attention-dp", flags->attention_dp, "data-parallel attention ranks")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--expert-parallel", flags->expert_parallel, "whole experts on each rank");
  const auto size = CLI::Range(std::int64_t{0}, std::int64_t{1} << 24);
  command->add_option("--prefill", flags->prefill, "new prompt tokens")->check(size);
  command->add_option("--cached", flags->cached, "prompt tokens computed before")->check(size);
  command->add_option("--decode", flags->decode, "decoding sequences")->check(size);
  command->add_option("--context", flags->context, "tokens that each of them attends to")
      ->check(size)
      ->capture_default_str();
  command->add_option("--largest-graph", flags->largest_graph, "largest captured size; 0: none")
      ->check(size)
      ->capture_default_str();
  command->add_flag("--fused-norms", flags->fused_norms, "norms inside the all-reduces");
  command->add_flag("--no-tables", flags->no_tables, "fitted coefficients only");
  command->callback([flags, &exit_code] {
    step(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
