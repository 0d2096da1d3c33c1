#include "config/degrees.hpp"

#include <fmt/format.h>

#include <optional>

namespace lockstep {
namespace {

/// No cluster is larger; keeps every product within 64 bits.
constexpr std::int64_t kMostRanks = std::int64_t{1} << 20;

std::optional<std::int64_t> degree(const JsonView& instance, std::string_view key) {
  const auto value = instance.find(key);
  if (!value) {
    return std::nullopt;
  }
  return value->integer_between(-kMostRanks, kMostRanks);
}

[[noreturn]] void not_a_product(const JsonView& instance, const Degrees& d) {
  instance.fail_at(
      "pp_size",
      fmt::format("num_npus ({}) != tp_size ({}) * pp_size ({})", d.num_npus, d.tp, d.pp),
      "leave out one of num_npus, tp_size and pp_size; it is derived from the others");
}

[[noreturn]] void below_one(const JsonView& instance, const Degrees& d) {
  const char* const key = d.tp < 1 ? "tp_size" : d.pp < 1 ? "pp_size" : "ep_size";
  instance.fail_at(key,
                   fmt::format("Parallelism degrees must be >= 1: tp_size={}, pp_size={}, "
                               "ep_size={}",
                               d.tp, d.pp, d.ep),
                   fmt::format("set {} to 1 or more, or leave it out", key));
}

[[noreturn]] void not_divisible(const JsonView& instance, std::int64_t npus, const char* key,
                                std::int64_t divisor) {
  instance.fail_at("num_npus",
                   fmt::format("num_npus ({}) not divisible by {} ({})", npus, key, divisor),
                   fmt::format("make num_npus a multiple of {}, or leave it out", key));
}

/// num_npus, tp and pp from those that are given.
void fill_in(const JsonView& instance, Degrees& d, std::vector<std::string>& warnings) {
  const auto npus = degree(instance, "num_npus");
  const auto tp = degree(instance, "tp_size");
  const auto pp = degree(instance, "pp_size");
  d.pp = pp.value_or(1);
  d.tp = tp.value_or(1);
  d.num_npus = npus.value_or(1);
  if (d.tp < 1 || d.pp < 1) {
    below_one(instance, d);
  }
  if (npus && tp) {
    if (*npus == *tp * d.pp) {
      return;
    }
    if (*npus % *tp != 0) {
      not_divisible(instance, *npus, "tp_size", *tp);
    }
    const std::int64_t stages = *npus / *tp;
    if (d.pp != 1 && d.pp != stages) {
      not_a_product(instance, d);
    }
    if (pp) {
      warnings.push_back(fmt::format("{}.pp_size 1 is replaced by {} (num_npus {} / tp_size {})",
                                     instance.path(), stages, *npus, *tp));
    }
    d.pp = stages;
  } else if (npus) {
    if (*npus % d.pp != 0) {
      not_divisible(instance, *npus, "pp_size", d.pp);
    }
    d.tp = *npus / d.pp;
  } else if (tp) {
    d.num_npus = *tp * d.pp;
  }
}

void check_model(const JsonView& instance, const Degrees& d, const ModelConfig& model) {
  if (!instance.find("dp_group") && d.ep > d.tp) {
    instance.fail_at(
        "ep_size",
        fmt::format("ep_size ({}) > tp_size ({}) requires dp_group to be set", d.ep, d.tp),
        "lower ep_size to tp_size, or give this instance and its peers the same "
        "dp_group to spread the experts over them");
  }
  if (d.pp > model.num_hidden_layers) {
    instance.fail_at("pp_size",
                     fmt::format("pp_size ({}) exceeds the model's transformer block count ({}); "
                                 "a pipeline stage cannot be empty",
                                 d.pp, model.num_hidden_layers),
                     fmt::format("use at most {} stages", model.num_hidden_layers));
  }
  if (model.has_expert_key && model.num_experts % d.ep != 0) {
    instance.fail_at("ep_size",
                     fmt::format("ep_size ({}) must divide the model's expert count ({})", d.ep,
                                 model.num_experts),
                     fmt::format("use a divisor of {}", model.num_experts));
  }
}

}  // namespace

Degrees resolve_degrees(const JsonView& instance, const ModelConfig& model,
                        std::vector<std::string>& warnings) {
  Degrees d;
  fill_in(instance, d, warnings);
  d.ep = degree(instance, "ep_size").value_or(model.has_expert_key ? d.tp : 1);
  if (d.num_npus != d.tp * d.pp) {
    not_a_product(instance, d);
  }
  if (d.tp < 1 || d.pp < 1 || d.ep < 1) {
    below_one(instance, d);
  }
  if (d.num_npus > kMostRanks) {
    instance.fail_at("num_npus", fmt::format("{} NPUs in one instance", d.num_npus),
                     fmt::format("use at most {}", kMostRanks));
  }
  check_model(instance, d, model);
  return d;
}

}  // namespace lockstep
