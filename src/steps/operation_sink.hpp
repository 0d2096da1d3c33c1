// Where the operations of a step go: a list for people, or a sum.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "perf/operations/operation_times.hpp"

namespace lockstep {

/// The whole attention block, from hidden state to output projection, where `LatentAttention` alone
/// means the kernel.
struct LatentModule {
  LatentAttention shape;
};

using AnyOperation = std::variant<Gemm, Float32Product, ContextAttention, GenerationAttention,
                                  DecodesBeside, LatentAttention, LatentModule, LatentAbsorption,
                                  GroupedExperts, GatedDeltaNet, MemoryTraffic, CollectiveCall>;

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
