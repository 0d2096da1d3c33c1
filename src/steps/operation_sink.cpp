#include "steps/operation_sink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "perf/operations/latent_block_time.hpp"

namespace lockstep {
namespace {

struct Timer {
  const OperationTimes& times;
  OperationTime operator()(const Gemm& o) const { return times.gemm(o); }
  OperationTime operator()(const Float32Product& o) const {
    constexpr double kReached = 0.8;  // of the rate, by large products
    constexpr double kFloat32 = 4;
    const auto m = static_cast<double>(o.m);
    const auto n = static_cast<double>(o.n);
    const auto k = static_cast<double>(o.k);
    OperationTime time = times.memory({kFloat32 * (m * k + k * n + m * n)});
    time.micros += 2 * m * n * k / (kReached * o.tflops * 1e6);
    return time;
  }
  OperationTime operator()(const ContextAttention& o) const { return times.context_attention(o); }
  OperationTime operator()(const GenerationAttention& o) const {
    return times.generation_attention(o);
  }
  OperationTime operator()(const DecodesBeside& o) const { return times.decodes_beside(o); }
  OperationTime operator()(const LatentAttention& o) const { return times.latent_attention(o); }
  OperationTime operator()(const LatentModule& o) const {
    return latent_block_time(times, o.shape);
  }
  OperationTime operator()(const LatentAbsorption& o) const { return times.latent_absorption(o); }
  OperationTime operator()(const GroupedExperts& o) const { return times.experts(o); }
  OperationTime operator()(const GatedDeltaNet& o) const { return times.delta_net(o); }
  OperationTime operator()(const MemoryTraffic& o) const { return times.memory(o); }
  OperationTime operator()(const CollectiveCall& o) const { return times.collective(o); }
};

std::string heads_text(const HeadShape& h) {
  return fmt::format("{} heads, {} KV, of {}{}{}", h.heads, h.kv_heads, h.head_size,
                     h.window > 0 ? fmt::format(", window {}", h.window) : "",
                     h.fp8_cache ? ", fp8 cache" : "");
}

std::string_view collective_name(CollectiveOp op) {
  static constexpr std::array<std::string_view, 5> kNames = {
      "all-reduce", "all-gather", "reduce-scatter", "all-to-all", "vLLM's all-reduce"};
  return kNames[static_cast<std::size_t>(op)];
}

struct Describer {
  std::string operator()(const Gemm& o) const {
    return fmt::format("{} x {} x {} {}", o.m, o.n, o.k, precision_name(o.precision));
  }
  std::string operator()(const Float32Product& o) const {
    return fmt::format("{} x {} x {} float32", o.m, o.n, o.k);
  }
  std::string operator()(const ContextAttention& o) const {
    return fmt::format("{} prompts of {} behind {}, {}", o.batch, o.new_tokens, o.cached_tokens,
                       heads_text(o.heads));
  }
  std::string operator()(const GenerationAttention& o) const {
    return fmt::format("{} sequences of {}, {}", o.batch, o.context, heads_text(o.heads));
  }
  std::string operator()(const DecodesBeside& o) const {
    return fmt::format("{} sequences of {} beside prompts, {}", o.decodes, o.context,
                       heads_text(o.prompts.heads));
  }
  std::string operator()(const LatentAttention& o) const {
    return fmt::format("{} x {} behind {}, {} heads", o.batch, o.new_tokens, o.cached_tokens,
                       o.heads);
  }
  std::string operator()(const LatentModule& o) const { return (*this)(o.shape); }
  std::string operator()(const LatentAbsorption& o) const {
    return fmt::format("{} tokens, {} heads", o.tokens, o.heads);
  }
  std::string operator()(const GroupedExperts& o) const {
    return fmt::format("{} tokens to {} of {} experts, {} -> {}, tp {} ep {}, {}", o.tokens,
                       o.top_k, o.experts, o.hidden, o.intermediate, o.tp, o.ep,
                       precision_name(o.precision));
  }
  std::string operator()(const GatedDeltaNet& o) const {
    return fmt::format("{} x {} tokens, {} key heads, {} value heads", o.batch, o.tokens, o.k_heads,
                       o.v_heads);
  }
  std::string operator()(const MemoryTraffic& o) const {
    return fmt::format("{:.0f} bytes", o.bytes);
  }
  std::string operator()(const CollectiveCall& o) const {
    return fmt::format("{}, {:.0f} bytes, {} ranks", collective_name(o.op), o.bytes, o.ranks);
  }
};

}  // namespace

OperationTime time_of(const OperationTimes& times, const AnyOperation& operation) {
  return std::visit(Timer{times}, operation);
}

std::string operation_text(const AnyOperation& operation) {
  return std::visit(Describer{}, operation);
}

}  // namespace lockstep
