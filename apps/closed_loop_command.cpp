#include "closed_loop_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "closed_loop/closed_loop.hpp"
#include "closed_loop/latency_summary.hpp"
#include "closed_loop/point_runner.hpp"
#include "command_record.hpp"
#include "engine/run_setup.hpp"
#include "memory_budget.hpp"
#include "model/description/read_description.hpp"
#include "perf/gpu_facts.hpp"
#include "perf/operations/operation_library.hpp"
#include "report/output_file.hpp"
#include "serving/server_memory.hpp"
#include "steps/gpu_kernels.hpp"

namespace lockstep {
namespace {

/// "step=900,reply=1500" on top of the defaults.
HostCosts host_costs_of(const std::string& text) {
  HostCosts costs;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    const std::size_t equals = part.find('=');
    const auto fields = host_cost_fields();
    const auto field = std::find_if(fields.begin(), fields.end(), [&](const HostCostField& f) {
      return f.name == part.substr(0, equals);
    });
    double value = 0;
    const char* first = part.data() + std::min(equals + 1, part.size());
    const char* last = part.data() + part.size();
    if (equals == std::string::npos || field == fields.end() ||
        std::from_chars(first, last, value).ptr != last || value < 0) {
      throw UserError(fmt::format("'{}' is no cost of the host", part),
                      Where{{}, 0, "--host-costs"},
                      "give step, step_per_sequence, gap, kernel_launch, request, prompt_token or "
                      "reply = microseconds");
    }
    costs.*(field->member) = value;
    at = end + 1;
  }
  return costs;
}

struct ClosedLoopFlags {
  std::string model, gpu, client = "closed", host;
  std::optional<std::string> model_dir;
  DescriptionOptions description;
  std::string engine_version;
  std::int64_t tp = 1, pp = 1, dp = 1;
  bool expert_parallel = false;
  std::int64_t concurrency = 0, input = 1024, output = 128, num_prompts = 1000;
  double range_ratio = 1.0, request_rate = 0, utilization = 0.9;
  std::uint32_t seed = 0;
  ServerSettings server;
  std::int64_t largest_graph = 512;
  bool strict = false, no_async = false, piecewise = false, fused_norms = false, no_tables = false;
  bool round_float32 = false;
};

std::shared_ptr<const GpuFacts> facts_of(const std::string& gpu) {
  GpuCatalog catalog;
  auto facts = catalog.find(gpu);
  if (!facts) {
    throw UserError(fmt::format("the memory of '{}' is not known", gpu), Where{{}, 0, "--gpu"},
                    fmt::format("known: {}", catalog.known()));
  }
  return facts;
}

Bytes memory_of(const GpuFacts& gpu) {
  return Bytes{static_cast<std::int64_t>(gpu.memory_gb * 0.99 * static_cast<double>(kGiB))};
}

void run(ClosedLoopFlags& flags) {
  RunOptions options;
  options.model_dir = flags.model_dir;
  const ModelDescription model =
      find_description(search_paths(options).models, flags.model, flags.description);
  const OperationSource source = operation_times_for({.gpu = flags.gpu,
                                                      .engine_version = flags.engine_version,
                                                      .store = std::nullopt,
                                                      .allow_tables = !flags.no_tables});
  if (flags.strict && !source.notes.empty()) {
    throw UserError(source.notes.front(), Where{{}, 0, "--strict"},
                    "import the tables, or run without --strict to take it as a note");
  }
  const ParallelSplit split =
      ParallelSplit::of(flags.tp, flags.dp, flags.expert_parallel, flags.pp);
  const auto gpu = facts_of(flags.gpu);
  const KvPool pool = size_kv_pool(model, split,
                                   {.gpu = memory_of(*gpu),
                                    .utilization = flags.utilization,
                                    .max_num_batched_tokens = flags.server.max_num_batched_tokens,
                                    .max_num_seqs = flags.server.max_num_seqs,
                                    .block_size = flags.server.block_size});
  if (pool.blocks == 0) {
    throw UserError("the weights leave no memory for a KV cache", Where{{}, 0, "--tp"},
                    "use more or larger GPUs");
  }
  flags.server.kv_blocks = pool.blocks;
  flags.server.async_scheduling = !flags.no_async;
  flags.server.full_graphs = !flags.piecewise;
  flags.server.host = host_costs_of(flags.host);
  StepOptions steps;
  steps.graph_sizes = default_graph_sizes(flags.largest_graph);
  steps.fused_all_reduce_norm = flags.fused_norms;
  take_kernels_of(*gpu, steps);
  if (flags.round_float32) {
    steps.float32_tflops = 0;
  }
  StepModel step_model(model, split, steps, source.times);
  const auto lengths =
      draw_lengths(flags.num_prompts, flags.input, flags.output, flags.range_ratio, flags.seed);
  const ClosedLoopResult result = run_closed_loop(
      step_model, flags.server,
      {.concurrency = flags.concurrency, .request_rate = flags.request_rate, .seed = flags.seed},
      lengths);
  fmt::print("{}", CommandRecord::in_words({.fidelity = "vllm", .seed = flags.seed}));
  fmt::print("{}\n", source.times->description());
  for (const std::string& note : source.notes) {
    fmt::print("note: {}\n", note);
  }
  fmt::print("KV cache: {} blocks of {} tokens{}; {} steps, {} preemptions, GPU busy {:.1f} %\n",
             pool.blocks, flags.server.block_size, flags.dp > 1 ? " on each engine" : "",
             result.steps, result.preemptions, 100 * result.gpu_share);
  fmt::print("{}", summary_text(summarise(result)));
}

void add_run(CLI::App& app, ClosedLoopFlags& flags) {
  CLI::App* command = app.add_subcommand("run", "a benchmark client against one server");
  const auto count = CLI::Range(std::int64_t{1}, std::int64_t{1} << 24);
  command->add_option("--client", flags.client, "closed")->check(CLI::IsMember({"closed"}));
  command->add_option("--model", flags.model, "name, config.json or folder")->required();
  command->add_option("--gpu", flags.gpu, "GPU")->required();
  command->add_option("--model-dir", flags.model_dir, "folder of model configs");
  command->add_option("--dtype", flags.description.dtype, "auto, float16, bfloat16, fp8");
  command->add_option("--kv-cache-dtype", flags.description.kv_cache_dtype, "auto, bfloat16, fp8");
  command->add_option("--engine-version", flags.engine_version, "of the measured times");
  command->add_option("--tp,--tensor-parallel-size", flags.tp, "tensor-parallel ranks")
      ->check(count);
  command->add_option("--pp,--pipeline-parallel-size", flags.pp, "pipeline stages")->check(count);
  command
      ->add_option("--dp,--data-parallel-size", flags.dp, "engines; in step if there are experts")
      ->check(count);
  command->add_flag("--enable-expert-parallel", flags.expert_parallel, "whole experts a rank");
  command->add_option("--concurrency,--max-concurrency", flags.concurrency,
                      "requests in flight (default: no limit)");
  command->add_option("--input", flags.input, "prompt tokens")->check(count);
  command->add_option("--output", flags.output, "output tokens")->check(count);
  command->add_option("--num-prompts", flags.num_prompts, "requests in all")->check(count);
  command->add_option("--range-ratio", flags.range_ratio, "lengths are drawn from [ratio n, n]")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--request-rate", flags.request_rate, "requests a second, Poisson")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--seed", flags.seed, "of the random draws");
  command->add_option("--max-num-batched-tokens", flags.server.max_num_batched_tokens, "a step")
      ->check(count);
  command->add_option("--max-num-seqs", flags.server.max_num_seqs, "sequences a step")
      ->check(count);
  command->add_option("--block-size", flags.server.block_size, "tokens a KV block")->check(count);
  command->add_option("--gpu-memory-utilization", flags.utilization, "share that may be used")
      ->check(CLI::Range(0.01, 1.0));
  command->add_option("--max-cudagraph-capture-size", flags.largest_graph, "0: no graphs");
  command->add_flag("--no-async-scheduling", flags.no_async, "host and GPU take turns");
  command->add_flag("--piecewise", flags.piecewise, "attention outside the graphs");
  command->add_flag("--fused-norms", flags.fused_norms, "norms inside the all-reduces");
  command->add_flag("--round-float32", flags.round_float32,
                    "routers of float32 use the tensor cores (VLLM_FLOAT32_MATMUL_PRECISION=high)");
  command->add_flag("--no-tables", flags.no_tables, "fitted coefficients only");
  command->add_option("--host-costs", flags.host, "step=us,... instead of the defaults");
  command->add_flag("--strict", flags.strict, "fallbacks of kernel times are errors");
  add_memory_budget(*command);
  command->callback([&flags] { run(flags); });
}

struct PointFlags {
  std::string points, recipes, host;
  std::optional<std::string> model_dir, csv, only;
  std::vector<std::string> corrections;
  PointRunOptions options;
  bool no_tables = false;
};

void points(PointFlags& flags) {
  std::vector<MeasuredPoint> all = read_measured_points(flags.points);
  if (flags.only) {
    std::erase_if(all, [&](const MeasuredPoint& p) {
      return fmt::format("{} {} {} {} {} {}", p.id, p.model, p.gpu, p.precision, p.source, p.recipe)
                 .find(*flags.only) == std::string::npos;
    });
  }
  RunOptions options;
  options.model_dir = flags.model_dir;
  flags.options.model_dirs = search_paths(options).models;
  flags.options.allow_tables = !flags.no_tables;
  if (!flags.host.empty()) {
    flags.options.host = host_costs_of(flags.host);
  }
  auto recipes = flags.recipes.empty() ? std::map<std::string, Recipe, std::less<>>{}
                                       : read_recipes(flags.recipes);
  for (const std::string& correction : flags.corrections) {
    correct_recipe(recipes, correction);
  }
  const auto results = run_points(all, recipes, flags.options);
  fmt::print("{}", point_report(results));
  if (flags.csv) {
    OutputFile(*flags.csv).commit(point_csv(results));
    CommandRecord::write_beside(*flags.csv, {.fidelity = "vllm"});
  }
}

void add_points(CLI::App& app, PointFlags& flags) {
  CLI::App* command = app.add_subcommand("validate", "measured serving points beside simulations");
  command->add_option("--points", flags.points, "CSV of measured points")->required();
  command->add_option("--recipes", flags.recipes, "CSV of the servers' flags");
  command->add_option("--correct", flags.corrections,
                      "RECIPE.COLUMN=VALUE: what a run is known to have had instead");
  command->add_option("--model-dir", flags.model_dir, "folder of model configs");
  command->add_option("--csv", flags.csv, "one line a point");
  command->add_option("--only", flags.only, "points whose id, model, GPU or recipe contain this");
  command->add_option("--engine-version", flags.options.engine_version, "of the measured times");
  command->add_option("--threads", flags.options.threads, "points at once")
      ->check(CLI::Range(1, 256));
  command->add_flag("--no-tables", flags.no_tables, "fitted coefficients only");
  command->add_option("--host-costs", flags.host, "step=us,... instead of the defaults");
  command->callback([&flags] { points(flags); });
}

bool has_flag(std::span<const std::string> args, const std::string& flag) {
  return std::any_of(args.begin(), args.end(), [&](const std::string& arg) {
    return arg == flag || arg.rfind(flag + "=", 0) == 0;
  });
}

}  // namespace

bool asks_for_closed_loop(std::span<const std::string> args) {
  return !args.empty() && ((args.front() == "run" && has_flag(args, "--client")) ||
                           (args.front() == "validate" && has_flag(args, "--points")));
}

int closed_loop_command(std::span<const std::string> args) {
  const CommandRecord record(std::vector<std::string>(args.begin(), args.end()));
  CLI::App app{"Lockstep: what vLLM on a cluster would have done, request by request.", "lockstep"};
  app.require_subcommand(1);
  ClosedLoopFlags run_flags;
  PointFlags point_flags;
  add_run(app, run_flags);
  add_points(app, point_flags);
  std::vector<std::string> reversed(args.rbegin(), args.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == 0;
    app.exit(error);
    return static_cast<int>(asked ? ExitCode::ok : ExitCode::user_error);
  }
  return static_cast<int>(ExitCode::ok);
}

}  // namespace lockstep
