// Kernel times of an instance whose steps are put together operation by operation.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "perf/kernel_times.hpp"
#include "perf/operations/operation_times.hpp"

namespace lockstep {

class OperationKernelTimes final : public KernelTimes {
public:
  explicit OperationKernelTimes(std::shared_ptr<const OperationTimes> times)
      : times_(std::move(times)) {}

  [[nodiscard]] bool has(Layer /*layer*/) const override { return false; }
  [[nodiscard]] KernelTime dense(Layer /*layer*/, std::int64_t /*tokens*/) const override {
    throw no_layers();
  }
  [[nodiscard]] KernelTime per_sequence(Layer /*layer*/, std::int64_t /*rows*/) const override {
    throw no_layers();
  }
  [[nodiscard]] KernelTime attention(const AttentionShape& /*shape*/) const override {
    throw no_layers();
  }
  [[nodiscard]] KernelTime moe(std::int64_t /*tokens*/, std::int64_t /*experts*/) const override {
    throw no_layers();
  }
  [[nodiscard]] std::string description() const override { return times_->description(); }
  [[nodiscard]] std::shared_ptr<const OperationTimes> operations() const override { return times_; }

private:
  static InternalError no_layers() {
    return InternalError("a model that is run operation by operation has no layers' times");
  }

  std::shared_ptr<const OperationTimes> times_;
};

}  // namespace lockstep
