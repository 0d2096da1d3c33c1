#include "iteration/lora_times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"

namespace lockstep {

AdaptedTokens adapted_tokens(std::span<const BatchEntry> entries) {
  AdaptedTokens step;
  std::vector<std::int32_t> adapters;
  for (const BatchEntry& entry : entries) {
    if (entry.request->lora >= 0) {
      step.tokens += entry.tokens;
      adapters.push_back(entry.request->lora);
    }
  }
  std::ranges::sort(adapters);
  step.adapters = std::unique(adapters.begin(), adapters.end()) - adapters.begin();
  return step;
}

LoraTimes::LoraTimes(const GpuFacts& gpu, const Instance& instance)
    : rank_(static_cast<double>(instance.features.lora.max_rank)),
      launch_micros_(gpu.coefficients.gemm_launch),
      bytes_per_micro_(gpu.bandwidth * 1e3),
      flops_per_micro_(gpu.peak(DataType::bfloat16) * 1e6) {
  for (std::size_t layer = 0; layer < kLayerCount; ++layer) {
    products_[layer] = lora_product(instance, static_cast<Layer>(layer));
  }
  const double bandwidth = instance.features.lora.load_bandwidth;  // GB/s: bytes a ns
  if (bandwidth > 0) {
    load_time_ =
        Nanos{std::llround(static_cast<double>(adapter_bytes(instance).count()) / bandwidth)};
  }
}

Nanos LoraTimes::time(Layer layer, const AdaptedTokens& step) const {
  const auto& product = products_[static_cast<std::size_t>(layer)];
  if (!product || step.tokens == 0 || rank_ == 0) {
    return Nanos{0};
  }
  const auto tokens = static_cast<double>(step.tokens);
  const auto adapters = static_cast<double>(step.adapters);
  const auto inner = static_cast<double>(product->inner);
  const auto columns = static_cast<double>(product->columns);
  const auto slices = static_cast<double>(product->slices);
  constexpr double kWord = kLoraBytes;
  constexpr double kSum = 4;  // bytes
  const double between = kSum * tokens * slices * rank_;
  const auto kernel = [&](double flops, double bytes) {
    return launch_micros_ + std::max(flops / flops_per_micro_, bytes / bytes_per_micro_);
  };
  const double shrink =
      kernel(2 * tokens * inner * rank_ * slices,
             kWord * (tokens * inner + adapters * slices * inner * rank_) + between);
  const double expand =
      kernel(2 * tokens * rank_ * columns,
             between + kWord * (adapters * rank_ * columns + 2 * tokens * columns));
  return Nanos{std::llround((shrink + expand) * 1e3)};
}

std::int64_t LoraSlots::take(std::span<const BatchEntry> entries) {
  std::int64_t missing = 0;
  for (const BatchEntry& entry : entries) {
    const std::int32_t adapter = entry.request->lora;
    if (adapter < 0) {
      continue;
    }
    const auto found = std::ranges::find(held_, adapter);
    if (found != held_.end()) {
      held_.erase(found);
    } else {
      ++missing;
    }
    held_.push_back(adapter);
  }
  if (std::ssize(held_) > slots_) {
    held_.erase(held_.begin(), held_.end() - static_cast<std::ptrdiff_t>(slots_));
  }
  return missing;
}

std::optional<LoraTimes> lora_times_of(const Instance& instance, GpuCatalog& gpus) {
  if (!instance.features.lora.on() || instance.features.lora.max_rank == 0) {
    return std::nullopt;
  }
  const auto gpu = gpus.find(instance.hardware);
  if (!gpu) {
    throw UserError(
        fmt::format("adapters (--max-loras) need the datasheet figures of '{}', and there are none",
                    instance.hardware),
        Where{{}, 0, fmt::format("nodes[{}], instance {}: hardware", instance.node, instance.id)},
        fmt::format("add hardware/{}.yaml, or use one of {}", instance.hardware, gpus.known()));
  }
  return LoraTimes(*gpu, instance);
}

}  // namespace lockstep
