#include "config/described_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>

#include "model/description/read_description.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

/// Of the model_types that the layers' model knows.
constexpr std::array<std::string_view, 5> kByLayer = {"llama", "qwen3", "qwen3_moe", "mixtral",
                                                      "phimoe"};

std::optional<fs::path> config_file(const SearchPaths& paths, const std::string& name) {
  std::error_code error;
  if (name.ends_with(".json") && fs::is_regular_file(name, error)) {
    return name;
  }
  for (const fs::path& dir : paths.models) {
    fs::path file = dir / (name + ".json");
    if (fs::is_regular_file(file, error)) {
      return file;
    }
  }
  return std::nullopt;
}

bool by_layer(const fs::path& file, StepRule rule) {
  if (rule != StepRule::automatic) {
    return rule == StepRule::layers;
  }
  const CheckpointKind kind = checkpoint_kind(file);
  if (kind.model_type.empty()) {
    return true;  // its own reader says what is wrong
  }
  return !kind.quantised && std::ranges::find(kByLayer, kind.model_type) != kByLayer.end();
}

std::string text_of(const JsonView& instance, std::string_view key, std::string otherwise) {
  const auto own = instance.find(key);
  return own && own->json().is_string() ? own->text() : std::move(otherwise);
}

bool keeps_state(const LayerGroup& group) {
  return std::holds_alternative<DeltaNetMixer>(group.kind.mixer) ||
         std::holds_alternative<MambaMixer>(group.kind.mixer);
}

struct Refusal {
  bool applies;
  const char* key;
  std::string what;
  const char* mend;
};

void refuse_first(const std::vector<Refusal>& refusals, const Instance& instance,
                  const JsonView& view) {
  for (const Refusal& refusal : refusals) {
    if (refusal.applies) {
      view.fail_at(refusal.key,
                   fmt::format("instance {} runs {} operation by operation, which is not simulated "
                               "with {}",
                               instance.id, instance.model->name, refusal.what),
                   refusal.mend);
    }
  }
}

/// The engine deals whole experts to all ranks, or cuts each over all of them.
bool odd_expert_ranks(const Instance& instance) {
  return instance.ep_total > 1 && instance.local_ep != instance.tp;
}

std::vector<Refusal> refusals_of(const Instance& instance) {
  const ServingFeatures& features = instance.features;
  return {
      {instance.pp > 1, "pp_size", "pipeline stages", "use pp_size 1 and more tensor ranks"},
      {instance.pd != PdType::none, "pd_type", "prefill and decode apart", "set pd_type to null"},
      {odd_expert_ranks(instance), "ep_size",
       fmt::format("experts on {} of its {} ranks", instance.local_ep, instance.tp),
       "let ep_size be all ranks of the instance, or of its group; or leave it out"},
      {!instance.placement.all_local(), "placement", "weights outside of the NPU",
       "leave the placement out"},
      {instance.enable_local_offloading, "enable_local_offloading", "offloaded weights",
       "leave it out"},
      {instance.enable_attn_offloading, "enable_attn_offloading", "attention in memory",
       "leave it out"},
      {features.speculation.on(), "speculative_tokens", "speculative decoding",
       "set speculative_tokens to 0"},
      {features.lora.on(), "max_loras", "adapters", "set max_loras to 0"},
  };
}

}  // namespace

DescribedModels::DescribedModels(const RunOptions& options, const SearchPaths& paths)
    : options_(options), paths_(paths) {}

std::shared_ptr<const ModelDescription> DescribedModels::find(const JsonView& instance,
                                                              const std::string& name) {
  const auto file =
      options_.fidelity == Fidelity::reference ? std::nullopt : config_file(paths_, name);
  if (!file || by_layer(*file, options_.kernel_times)) {
    return nullptr;
  }
  const std::string type =
      options_.dtype ? std::string(data_type_name(*options_.dtype)) : std::string("auto");
  const bool fp8_cache = options_.kv_cache_dtype == KvCacheType::fp8;
  const DescriptionOptions asked{text_of(instance, "dtype", type),
                                 text_of(instance, "kv_cache_dtype", fp8_cache ? "fp8" : "auto")};
  std::shared_ptr<const ModelDescription>& known =
      known_[{file->string(), asked.dtype, asked.kv_cache_dtype}];
  if (!known) {
    known = std::make_shared<const ModelDescription>(read_description(*file, name, asked));
  }
  return known;
}

void settle_described(Instance& instance, std::vector<std::string>& warnings) {
  const ModelDescription& model = *instance.description;
  instance.kv_cache_dtype = model.fp8_cache ? KvCacheType::fp8 : KvCacheType::automatic;
  if (instance.enable_prefix_caching && std::ranges::any_of(model.layers, keeps_state)) {
    instance.enable_prefix_caching = false;
    warnings.push_back(
        fmt::format("instance {} has no prefix cache: {} has layers with a state instead of a "
                    "cache",
                    instance.id, model.name));
  }
}

void check_described(const Cluster& cluster, const std::vector<JsonView>& instances,
                     const RunOptions& options) {
  for (const Instance& instance : cluster.instances) {
    if (!instance.description) {
      continue;
    }
    refuse_first(refusals_of(instance), instance, instances[static_cast<std::size_t>(instance.id)]);
    const auto refuse_flag = [&](bool applies, const char* flag, const char* what) {
      if (applies) {
        throw UserError(fmt::format("{} is run operation by operation, which is not simulated "
                                    "with {}",
                                    instance.model->name, what),
                        {"", 0, flag}, "leave the flag out");
      }
    };
    refuse_flag(options.prefix_storage != PrefixStorage::none, "--prefix-storage",
                "a prefix cache in slower memory");
    refuse_flag(options.expert_routing_policy != ExpertRoutingPolicy::balanced,
                "--expert-routing-policy", "another routing than that of the measured experts");
    refuse_flag(options.expert_exchange == ExpertExchange::all_to_all, "--expert-exchange",
                "all-to-alls between experts");
  }
}

}  // namespace lockstep
