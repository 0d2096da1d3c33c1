#include "capacity_command.hpp"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "engine/run_setup.hpp"
#include "perf/gpu_facts.hpp"
#include "serving/capacity.hpp"

namespace lockstep {
namespace {

struct CapacityFlags {
  std::optional<std::string> model, hardware, cluster_config, model_dir;
  std::optional<double> memory_gib;
  std::string dtype = "bfloat16";
  std::string kv_cache_dtype = "auto";
  std::optional<std::int64_t> tp, pp, context;
  std::int64_t block_size = 16;
  std::int64_t max_num_seqs = 256;
  std::int64_t max_num_batched_tokens = 2048;
  double utilization = 0.9;
  double reserve_gib = 0;
  std::int64_t most = 64;

  [[nodiscard]] Bytes reserve() const {
    return Bytes{truncate(reserve_gib * static_cast<double>(kGiB))};
  }
};

double gib(Bytes size) {
  return static_cast<double>(size.count()) / static_cast<double>(kGiB);
}

RunOptions options_of(const CapacityFlags& flags) {
  RunOptions options;
  options.cluster_config = flags.cluster_config.value_or("");
  options.model_dir = flags.model_dir;
  options.dtype = data_type_from_name(flags.dtype);
  options.kv_cache_dtype =
      flags.kv_cache_dtype == "fp8" ? KvCacheType::fp8 : KvCacheType::automatic;
  options.block_size = flags.block_size;
  options.max_num_seqs = flags.max_num_seqs;
  options.max_num_batched_tokens = flags.max_num_batched_tokens;
  options.npu_memory_utilization = flags.utilization;
  return options;
}

/// Size of one GPU's memory in GiB. Datasheets say GB and mean about 2^30 bytes, as cluster files
/// do; what the driver leaves is one or two per cent less.
double memory_of(const CapacityFlags& flags) {
  if (flags.memory_gib) {
    return *flags.memory_gib;
  }
  GpuCatalog catalog;
  const auto gpu = flags.hardware ? catalog.find(*flags.hardware) : nullptr;
  if (!gpu) {
    throw UserError(fmt::format("the memory of '{}' is not known", flags.hardware.value_or("")),
                    Where{{}, 0, "--hardware"},
                    fmt::format("known: {}; or give --memory-gib", catalog.known()));
  }
  return gpu->visible_memory_bytes > 0 ? gpu->visible_memory_bytes / static_cast<double>(kGiB)
                                       : gpu->memory_gb;
}

Instance instance_of(const CapacityFlags& flags, const RunOptions& options) {
  Instance instance;
  instance.model = std::make_shared<const ModelConfig>(
      find_model_config(search_paths(options).models, *flags.model));
  instance.hardware = flags.hardware.value_or("");
  instance.npu_mem.size_gb = memory_of(flags);
  instance.mem_util = flags.utilization;
  instance.block_size = flags.block_size;
  instance.max_num_seqs = flags.max_num_seqs;
  instance.max_num_batched_tokens = flags.max_num_batched_tokens;
  instance.dtype = *options.dtype;
  instance.kv_cache_dtype = options.kv_cache_dtype;
  const std::int64_t tp = flags.tp.value_or(1);
  const std::int64_t pp = flags.pp.value_or(1);
  if (!divides(*instance.model, tp, pp)) {
    throw UserError(
        fmt::format("tp {} and pp {} do not divide {} attention heads and {} layers", tp, pp,
                    instance.model->num_attention_heads, instance.model->num_hidden_layers),
        Where{{}, 0, "--tp"}, "leave --tp and --pp out to see which plans fit");
  }
  return with_degrees(std::move(instance), tp, pp);
}

void print_weights(const WeightsByKind& weights) {
  fmt::print(
      "  weights of a rank, GiB: embedding {:.3f}, attention {:.3f}, MLP or experts {:.3f}, "
      "norms {:.4f}, head {:.3f}\n",
      gib(weights.embedding), gib(weights.attention), gib(weights.feed_forward), gib(weights.norms),
      gib(weights.head));
}

/// Two columns: the rule that results are equal under, and the one with vLLM's details.
void print_capacity(const Instance& instance, const Capacity& reference, const Capacity& vllm,
                    std::int64_t context) {
  fmt::print("{} on {}: tp {}, pp {}, ep {}; {:g} GiB a rank, {:g} of it used\n",
             instance.model->name, instance.hardware.empty() ? "GPU" : instance.hardware,
             instance.tp, instance.pp, instance.ep_total, instance.npu_mem.size_gb,
             instance.mem_util);
  print_weights(reference.weights);
  const auto line = [](std::string_view name, const auto& a, const auto& b) {
    fmt::print("  {:<34}{:>16}{:>16}\n", name, a, b);
  };
  const auto in_gib = [](Bytes size) { return fmt::format("{:.3f}", gib(size)); };
  line("", "reference", "vllm");
  line("weights, GiB a rank", in_gib(reference.layout.weight_bytes),
       in_gib(vllm.layout.weight_bytes));
  line("activations, sampling, context, GiB", in_gib(Bytes{0}), in_gib(vllm.layout.reserved));
  line("KV bytes a token and rank", reference.kv_per_token.count(), vllm.kv_per_token.count());
  line("KV blocks", reference.layout.blocks, vllm.layout.blocks);
  line("KV tokens", reference.layout.tokens(), vllm.layout.tokens());
  line(fmt::format("requests of {} tokens at once", context),
       fmt::format("{:.2f}", reference.concurrency(context)),
       fmt::format("{:.2f}", vllm.concurrency(context)));
}

std::int64_t context_of(const CapacityFlags& flags, const Instance& instance) {
  const std::int64_t context = flags.context.value_or(instance.model->max_position_embeddings);
  if (context < 1) {
    throw UserError("the model does not name its context length", Where{{}, 0, "--context"},
                    "give one with --context");
  }
  return context;
}

/// With what the engine keeps free beside weights and KV cache.
Instance as_served(Instance instance) {
  instance.terms.memory_profile = true;
  return instance;
}

void show(const CapacityFlags& flags, const Instance& instance) {
  const Capacity reference = capacity_of(instance, FidelityPolicy::reference(), Bytes{0});
  const Capacity vllm =
      capacity_of(as_served(instance), FidelityPolicy::for_mode(Fidelity::vllm), flags.reserve());
  print_capacity(instance, reference, vllm, context_of(flags, instance));
}

[[noreturn]] void refuse_all(const CapacityFlags& flags, const Instance& instance,
                             std::int64_t context) {
  const Instance widest = with_degrees(instance, flags.most, 1);
  const auto weights = [&](const Instance& of) {
    return gib(weight_bytes_per_rank(*of.model, of.tp, 1, of.ep_total, of.fp()));
  };
  throw UserError(
      fmt::format("no plan of up to {} GPUs with {:g} GiB holds one request of {} tokens: the "
                  "weights are {:.1f} GiB on one GPU, {:.1f} GiB a rank at tp {}",
                  flags.most, instance.npu_mem.size_gb, context,
                  weights(with_degrees(instance, 1, 1)), weights(widest), widest.tp),
      Where{{}, 0, "--hardware"}, "use larger GPUs, --most, a smaller --dtype or --context");
}

/// The widest plan in full, then the others of as many GPUs.
void show_fewest(const CapacityFlags& flags, const Instance& instance) {
  const std::int64_t context = context_of(flags, instance);
  const auto policy = FidelityPolicy::for_mode(Fidelity::vllm);
  const auto plans = fewest_npus(as_served(instance), policy, flags.reserve(), context, flags.most);
  if (plans.empty()) {
    refuse_all(flags, instance, context);
  }
  show(flags, with_degrees(instance, plans.front().tp, plans.front().pp));
  fmt::print("\nFewest GPUs for one request of {} tokens: {}\n", context,
             plans.front().tp * plans.front().pp);
  for (const FittingPlan& plan : plans) {
    fmt::print("  tp {:>2}, pp {:>2}: {} KV tokens, {:.2f} requests at once\n", plan.tp, plan.pp,
               plan.capacity.layout.tokens(), plan.capacity.concurrency(context));
  }
}

void capacity(const CapacityFlags& flags) {
  const RunOptions options = options_of(flags);
  if (flags.cluster_config) {
    const Cluster cluster = load_cluster(options.cluster_config, options, search_paths(options));
    for (const Instance& instance : cluster.instances) {
      fmt::print("Instance {}: ", instance.id);
      show(flags, instance);
    }
    return;
  }
  if (!flags.model) {
    throw UserError("nothing to look at", Where{{}, 0, "capacity"},
                    "give --model with --hardware (or --memory-gib), or --cluster-config");
  }
  const Instance instance = instance_of(flags, options);
  if (flags.tp || flags.pp) {
    show(flags, instance);
  } else {
    show_fewest(flags, instance);
  }
}

}  // namespace

CLI::App* add_capacity_command(CLI::App& root, int& exit_code) {
  CLI::App* command =
      root.add_subcommand("capacity", "memory of a model: weights, KV cache, fewest GPUs");
  auto flags = std::make_shared<CapacityFlags>();
  auto* model = command->add_option("--model", flags->model, "<owner>/<model>");
  command->add_option("--hardware", flags->hardware, "GPU, for its memory");
  command->add_option("--memory-gib", flags->memory_gib, "memory of one GPU instead")
      ->check(CLI::PositiveNumber);
  command->add_option("--cluster-config", flags->cluster_config, "every instance of this file")
      ->excludes(model);
  command->add_option("--model-dir", flags->model_dir, "folder of model configs");
  command->add_option("--max-num-seqs", flags->max_num_seqs, "sequences of a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--max-num-batched-tokens", flags->max_num_batched_tokens, "tokens of a step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--dtype", flags->dtype, "number format of the weights")
      ->check(CLI::IsMember({"float16", "bfloat16", "float32", "fp8", "int8"}))
      ->capture_default_str();
  command->add_option("--kv-cache-dtype", flags->kv_cache_dtype, "number format of the KV cache")
      ->check(CLI::IsMember({"auto", "fp8"}))
      ->capture_default_str();
  command->add_option("--tp", flags->tp, "tensor-parallel degree (default: the fewest GPUs)")
      ->check(CLI::Range(1, 1024));
  command->add_option("--pp", flags->pp, "pipeline stages")->check(CLI::Range(1, 1024));
  command
      ->add_option("--context", flags->context, "tokens of a request (default: the model's most)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  command->add_option("--block-size", flags->block_size, "tokens of a KV block")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command->add_option("--utilization", flags->utilization, "share of the memory that is used")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  command
      ->add_option("--reserve-gib", flags->reserve_gib,
                   "set aside for activations and contexts, vllm column only")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--most", flags->most, "most GPUs to try")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([flags, &exit_code] {
    capacity(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
  return command;
}

}  // namespace lockstep
