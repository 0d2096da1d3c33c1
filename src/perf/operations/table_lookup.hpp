// A time from a measured table: exact where it was measured; between measured places by a rule;
// beyond them, or at a shape that nobody measured, by the analytic model scaled to the nearest
// measured place.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "perf/operations/operation_times.hpp"
#include "perf/tables/operation_table.hpp"

namespace lockstep {

/// How values between two measured ones are found.
enum class BetweenRule : std::uint8_t {
  linear,  ///< time over size
  loglog,  ///< logarithm of the time over logarithm of the size
  ratio,   ///< measured over modelled, its logarithm over that of the size
};
inline constexpr std::array<std::string_view, 3> kBetweenRuleNames = {"linear", "log-log", "ratio"};

/// Microseconds that the model gives for a place of the table; 0 where there is no model.
using PlaceModel = std::function<double(std::span<const std::int32_t> keys, std::int64_t axis)>;

/// Another shape at the size where it has the same load: its time without the launch, by the
/// shapes' weights. Cuts of the same shape are left to the model.
struct ShapeTransfer {
  std::size_t shape_begin = 0;  ///< keys that are the shape
  std::size_t shape_end = 0;
  double (*load)(std::span<const std::int32_t> keys);  ///< of a unit of the axis
  double (*weight)(std::span<const std::int32_t> keys);
  double launch = 0;  ///< microseconds
};

struct LookupRules {
  BetweenRule axis = BetweenRule::loglog;
  BetweenRule keys = BetweenRule::loglog;
  std::vector<std::size_t> free_keys;  ///< slice keys that may be interpolated; others must match
  std::vector<std::size_t> near_keys;  ///< keys whose nearest value may stand in, with the model
  bool steady = false;                 ///< hold times to those of larger sizes (see steadied)
  /// How a slice of another shape stands in; nothing: at the same size, by the model.
  std::optional<ShapeTransfer> transfer{};
};

class TableLookup {
public:
  TableLookup(std::shared_ptr<const OperationTable> table, LookupRules rules, PlaceModel model);

  /// Nothing when no slice is comparable (another number format, another kernel).
  [[nodiscard]] std::optional<OperationTime> at(std::span<const std::int32_t> keys,
                                                std::int64_t axis) const;
  /// The same with one measured slice, or one point of it, left out: for the error of the rules.
  struct LeftOut {
    std::size_t slice = SIZE_MAX;
    std::size_t point = SIZE_MAX;  ///< SIZE_MAX: the whole slice
  };
  [[nodiscard]] std::optional<OperationTime> without(const LeftOut& left_out,
                                                     std::span<const std::int32_t> keys,
                                                     std::int64_t axis) const;
  [[nodiscard]] const OperationTable& table() const { return *table_; }
  [[nodiscard]] const LookupRules& rules() const { return rules_; }

private:
  using Keys = std::array<std::int32_t, kMostSliceKeys>;

  [[nodiscard]] OperationTime on_curve(std::size_t slice, std::int64_t axis,
                                       const LeftOut& left_out) const;
  [[nodiscard]] std::optional<OperationTime> between(Keys& keys, std::int64_t axis,
                                                     std::size_t next_free,
                                                     const LeftOut& left_out) const;
  [[nodiscard]] std::optional<OperationTime> nearest(const Keys& keys, std::int64_t axis,
                                                     const LeftOut& left_out) const;
  [[nodiscard]] std::optional<std::size_t> nearest_slice(const Keys& keys,
                                                         const LeftOut& left_out) const;
  [[nodiscard]] std::optional<OperationTime> nearest_place(std::size_t slice, const Keys& keys,
                                                           std::int64_t axis,
                                                           const LeftOut& left_out) const;
  [[nodiscard]] double model(const Keys& keys, std::int64_t axis) const;
  [[nodiscard]] std::span<const std::int32_t> view(const Keys& keys) const {
    return {keys.data(), key_count_};
  }

  std::shared_ptr<const OperationTable> table_;
  LookupRules rules_;
  PlaceModel model_;
  std::size_t key_count_;
  std::vector<std::vector<std::int32_t>> distinct_;  ///< by key
};

}  // namespace lockstep
