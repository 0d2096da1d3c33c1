// Priorities and adapters for generated requests, each from a random stream of its own.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/random.hpp"
#include "workload/workload.hpp"

namespace lockstep {

struct FeatureFlags {
  std::int64_t priorities = 1;
  std::int64_t loras = 0;
};

class FeatureDraws {
public:
  /// Throws UserError for numbers out of range.
  FeatureDraws(const FeatureFlags& flags, std::uint32_t seed)
      : flags_(flags),
        priorities_(MersenneTwister::from_key(seed ^ 0x7072696fU)),
        loras_(MersenneTwister::from_key(seed ^ 0x6c6f7261U)) {
    check(flags.priorities, 1, "--priorities");
    check(flags.loras, 0, "--loras");
    for (std::int64_t i = 0; i < flags.loras; ++i) {
      names_.push_back(fmt::format("lora-{}", i));
    }
  }

  void give(WorkloadRequest& request) {
    if (flags_.priorities > 1) {
      request.priority = below(priorities_, flags_.priorities);
    }
    if (flags_.loras > 0) {
      request.lora = static_cast<std::int32_t>(below(loras_, flags_.loras));
    }
  }
  /// Of the adapters, by index.
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

private:
  static std::int64_t below(MersenneTwister& stream, std::int64_t count) {
    return static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(count)));
  }
  static void check(std::int64_t number, std::int64_t least, const char* flag) {
    constexpr std::int64_t kMost = 1'000'000;
    if (number < least || number > kMost) {
      throw UserError(fmt::format("{} is {}", flag, number), Where{{}, 0, flag},
                      fmt::format("give a whole number from {} to {}", least, kMost));
    }
  }

  FeatureFlags flags_;
  MersenneTwister priorities_, loras_;
  std::vector<std::string> names_;
};

}  // namespace lockstep
