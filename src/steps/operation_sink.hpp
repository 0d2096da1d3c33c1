// Where the operations of a step go: a list for people, or a sum.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "perf/gpu_facts.hpp"
#include "perf/operations/operation_times.hpp"

namespace lockstep {

/// The whole attention block, from hidden state to output projection, where `LatentAttention` alone
/// means the kernel.
struct LatentModule {
  LatentAttention shape;
};

/// What decodes add to the prompts of their step where one kernel runs both: it neither packs the
/// query heads that share keys nor splits contexts, so that every sequence and query head has a
/// tile of its own that walks along its keys.
struct MixedDecodes {
  const GpuFacts* gpu = nullptr;
  HeadShape heads;
  std::int64_t prompt = 0;  ///< new tokens of the longest prompt, behind `cached`
  std::int64_t cached = 0;
  std::int64_t decodes = 0;
  std::int64_t context = 0;  ///< mean, the new token not counted
};

using AnyOperation = std::variant<Gemm, ContextAttention, GenerationAttention, MixedDecodes,
                                  LatentAttention, LatentModule, LatentAbsorption, GroupedExperts,
                                  GatedDeltaNet, MemoryTraffic, CollectiveCall>;

class OperationSink {
public:
  virtual ~OperationSink() = default;
  /// `times` equal calls, one after the other.
  virtual void add(std::string_view name, const AnyOperation& operation, std::int64_t times) = 0;
  /// Here, among the rows of a layer, is what looks back at earlier tokens.
  virtual void mixing_comes_here() {}
};

/// The time of one call.
[[nodiscard]] OperationTime time_of(const OperationTimes& times, const AnyOperation& operation);
/// "2048 x 6144 x 4096 fp8", ...: sizes, for people.
[[nodiscard]] std::string operation_text(const AnyOperation& operation);

}  // namespace lockstep
