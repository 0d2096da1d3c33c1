// Time of a layer against one size (tokens, or sequences): one curve per layer.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

#include "model/layer.hpp"
#include "perf/interpolation.hpp"

namespace lockstep {

/// Samples sorted by key, one per key. An empty curve holds no data.
struct Curve {
  std::vector<std::int64_t> keys;
  std::vector<double> nanos;

  [[nodiscard]] bool empty() const { return keys.empty(); }
  /// Clamped below, extrapolated along the last two samples above. Not empty.
  [[nodiscard]] Estimate at(std::int64_t key) const;
};

struct Sample {
  std::int64_t key = 0;
  double nanos = 0;
};
/// Sorts; of equal keys the first given stays.
[[nodiscard]] Curve curve_of(std::vector<Sample> samples);

/// dense.csv (`layer,tokens,time_us`) or per_sequence.csv (`layer,sequences,time_us`).
class CurveTable {
public:
  /// `key_column` is "tokens" or "sequences". Rows of unknown layers are passed over.
  [[nodiscard]] static CurveTable read(const std::filesystem::path& file,
                                       std::string_view key_column);

  [[nodiscard]] const Curve& of(Layer layer) const {
    return curves_[static_cast<std::size_t>(layer)];
  }

private:
  std::array<Curve, kLayerCount> curves_;
};

}  // namespace lockstep
