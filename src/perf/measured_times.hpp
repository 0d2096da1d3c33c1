// Kernel times looked up in a measured bundle.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "perf/bundle.hpp"
#include "perf/kernel_times.hpp"

namespace lockstep {

class MeasuredTimes final : public KernelTimes {
public:
  /// `bundle` has the degree `tp`; layers that cost the same at any degree, and the experts, are
  /// read at tp1 where it exists.
  MeasuredTimes(Bundle& bundle, std::int64_t tp, std::vector<std::string>& warnings);

  [[nodiscard]] bool has(Layer layer) const override;
  [[nodiscard]] KernelTime dense(Layer layer, std::int64_t tokens) const override;
  [[nodiscard]] KernelTime per_sequence(Layer layer, std::int64_t sequences) const override;
  [[nodiscard]] KernelTime attention(const AttentionShape& shape) const override;
  [[nodiscard]] KernelTime moe(std::int64_t tokens, std::int64_t experts) const override;
  [[nodiscard]] std::string description() const override;

  /// Coefficient that `attention` takes for a batch of unequal contexts.
  [[nodiscard]] double skew_alpha(const AttentionShape& shape) const;

private:
  [[nodiscard]] KernelTime on_curve(const Curve* curve, Layer layer, std::int64_t key) const;
  [[noreturn]] void refuse(std::string_view layer, std::string_view file) const;

  std::string dir_;
  std::int64_t tp_;
  std::vector<std::shared_ptr<const CurveTable>> owned_;
  std::array<const Curve*, kLayerCount> dense_{};         ///< null: no data
  std::array<const Curve*, kLayerCount> per_sequence_{};  ///< null: no data
  std::shared_ptr<const AttentionTable> attention_;
  std::shared_ptr<const MoeTable> moe_;
  std::shared_ptr<const SkewFit> skew_;
};

}  // namespace lockstep
