#include "perf/operations/table_lookup.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "perf/operations/coefficient_sets.hpp"

namespace lockstep {
namespace {

double log_apart(double a, double b) {
  return std::abs(std::log(std::max(a, 1.0) / std::max(b, 1.0)));
}

TimeSource worse(TimeSource a, TimeSource b) {
  return std::max(a, b);
}

bool same_shape(const ShapeTransfer& transfer, std::span<const std::int32_t> a,
                std::span<const std::int32_t> b) {
  const std::size_t count = transfer.shape_end - transfer.shape_begin;
  return std::ranges::equal(a.subspan(transfer.shape_begin, count),
                            b.subspan(transfer.shape_begin, count));
}

/// A measured value at one size, with what the model says there.
struct Place {
  double size = 0;
  double micros = 0;
  double modelled = 0;
};

double between_two(BetweenRule rule, const Place& a, const Place& b, double size, double modelled) {
  if (a.size == b.size) {
    return a.micros;
  }
  if (rule == BetweenRule::ratio && !(a.modelled > 0 && b.modelled > 0 && modelled > 0)) {
    rule = BetweenRule::loglog;
  }
  if (rule == BetweenRule::linear) {
    return a.micros + (size - a.size) / (b.size - a.size) * (b.micros - a.micros);
  }
  // A size of 0 (no window) has no logarithm; such keys must match and never come here.
  const double weight = std::log(size / a.size) / std::log(b.size / a.size);
  if (rule == BetweenRule::loglog) {
    return a.micros * std::exp(weight * std::log(b.micros / a.micros));
  }
  const double low = std::log(a.micros / a.modelled);
  const double high = std::log(b.micros / b.modelled);
  return modelled * std::exp(low + weight * (high - low));
}

}  // namespace

TableLookup::TableLookup(std::shared_ptr<const OperationTable> table, LookupRules rules,
                         PlaceModel model)
    : table_(std::move(table)),
      rules_(std::move(rules)),
      model_(std::move(model)),
      key_count_(table_schema(table_->origin().operation).slice.size()) {
  for (std::size_t key = 0; key < key_count_; ++key) {
    distinct_.push_back(table_->distinct(key));
  }
}

double TableLookup::model(const Keys& keys, std::int64_t axis) const {
  return model_ ? model_(view(keys), axis) : 0.0;
}

std::optional<OperationTime> TableLookup::at(std::span<const std::int32_t> keys,
                                             std::int64_t axis) const {
  return without({}, keys, axis);
}

std::optional<OperationTime> TableLookup::without(const LeftOut& left_out,
                                                  std::span<const std::int32_t> given,
                                                  std::int64_t axis) const {
  Keys keys{};
  std::copy(given.begin(), given.end(), keys.begin());
  if (auto time = between(keys, axis, 0, left_out)) {
    return time;
  }
  return nearest(keys, axis, left_out);
}

OperationTime TableLookup::on_curve(std::size_t slice, std::int64_t axis,
                                    const LeftOut& left_out) const {
  const TableCurve curve = table_->curve(slice);
  const std::size_t skip = left_out.slice == slice ? left_out.point : SIZE_MAX;
  const std::size_t count = curve.axis.size();
  std::size_t above = static_cast<std::size_t>(
      std::lower_bound(curve.axis.begin(), curve.axis.end(), axis) - curve.axis.begin());
  above += above == skip ? 1 : 0;
  std::size_t below = above == 0 ? SIZE_MAX : above - 1;
  if (below != SIZE_MAX && below == skip) {
    below = below == 0 ? SIZE_MAX : below - 1;
  }
  Keys keys{};
  const auto own = table_->keys(slice);
  std::copy(own.begin(), own.end(), keys.begin());
  const auto micros = [&](std::size_t place) {
    return rules_.steady ? steadied(curve, place) : static_cast<double>(curve.micros[place]);
  };
  if (above < count && curve.axis[above] == axis) {
    return {micros(above), TimeSource::exact, 0};
  }
  if (below == SIZE_MAX || above >= count) {  // beyond the curve: the model's shape
    const std::size_t end = below == SIZE_MAX ? above : below;
    const double here = model(keys, curve.axis[end]);
    const double there = model(keys, axis);
    const double size = static_cast<double>(axis) / static_cast<double>(curve.axis[end]);
    const double scale = here > 0 && there > 0 ? there / here : std::max(size, 1.0);
    return {micros(end) * scale, TimeSource::extrapolated,
            log_apart(static_cast<double>(axis), static_cast<double>(curve.axis[end]))};
  }
  const bool modelled = rules_.axis == BetweenRule::ratio;
  const auto place = [&](std::size_t i) {
    return Place{static_cast<double>(curve.axis[i]), micros(i),
                 modelled ? model(keys, curve.axis[i]) : 0.0};
  };
  const double size = static_cast<double>(axis);
  const Place low = place(below);
  const Place high = place(above);
  return {between_two(rules_.axis, low, high, size, modelled ? model(keys, axis) : 0.0),
          TimeSource::interpolated,
          std::min(log_apart(size, low.size), log_apart(size, high.size))};
}

std::optional<OperationTime> TableLookup::between(Keys& keys, std::int64_t axis,
                                                  std::size_t next_free,
                                                  const LeftOut& left_out) const {
  if (const auto slice = table_->find(view(keys))) {
    if (left_out.slice != *slice || left_out.point != SIZE_MAX) {
      return on_curve(*slice, axis, left_out);
    }
  }
  // Interpolate along the first free key whose value is not measured (or whose slice is left out).
  for (std::size_t free = next_free; free < rules_.free_keys.size(); ++free) {
    const std::size_t key = rules_.free_keys[free];
    const std::vector<std::int32_t>& values = distinct_[key];
    const std::int32_t wanted = keys[key];
    const auto at = std::lower_bound(values.begin(), values.end(), wanted);
    const bool on_grid = at != values.end() && *at == wanted;
    if (on_grid && left_out.slice == SIZE_MAX) {
      continue;
    }
    const auto above = on_grid ? at + 1 : at;
    if (at == values.begin() || above == values.end()) {
      continue;
    }
    const std::int32_t low = *(at - 1);
    const std::int32_t high = *above;
    keys[key] = low;
    const auto a = between(keys, axis, free + 1, left_out);
    const double model_low = rules_.keys == BetweenRule::ratio ? model(keys, axis) : 0.0;
    keys[key] = high;
    const auto b = a ? between(keys, axis, free + 1, left_out) : std::nullopt;
    const double model_high = rules_.keys == BetweenRule::ratio ? model(keys, axis) : 0.0;
    keys[key] = wanted;
    if (a && b) {
      const double modelled = rules_.keys == BetweenRule::ratio ? model(keys, axis) : 0.0;
      const double size = wanted;
      return OperationTime{
          between_two(rules_.keys, {static_cast<double>(low), a->micros, model_low},
                      {static_cast<double>(high), b->micros, model_high}, size, modelled),
          worse(worse(a->source, b->source), TimeSource::interpolated),
          std::max(
              {a->distance, b->distance, std::min(log_apart(size, low), log_apart(size, high))})};
    }
  }
  return std::nullopt;
}

std::optional<std::size_t> TableLookup::nearest_slice(const Keys& keys,
                                                      const LeftOut& left_out) const {
  std::optional<std::size_t> best;
  double least = 0;
  for (std::size_t slice = 0; slice < table_->slice_count(); ++slice) {
    if (slice == left_out.slice && left_out.point == SIZE_MAX) {
      continue;
    }
    const auto own = table_->keys(slice);
    double apart = 0;
    bool comparable = true;
    for (std::size_t key = 0; key < key_count_ && comparable; ++key) {
      if (own[key] == keys[key]) {
        continue;
      }
      comparable = std::find(rules_.near_keys.begin(), rules_.near_keys.end(), key) !=
                   rules_.near_keys.end();
      apart += log_apart(own[key], keys[key]);
    }
    if (comparable && (!best || apart < least)) {
      best = slice;
      least = apart;
    }
  }
  return best;
}

std::optional<OperationTime> TableLookup::nearest_place(std::size_t slice, const Keys& keys,
                                                        std::int64_t axis,
                                                        const LeftOut& left_out) const {
  const auto own = table_->keys(slice);
  if (rules_.transfer && !same_shape(*rules_.transfer, view(keys), own)) {
    const ShapeTransfer& by = *rules_.transfer;
    const double size = static_cast<double>(axis) * by.load(view(keys)) / by.load(own);
    OperationTime time = on_curve(slice, std::max<std::int64_t>(std::llround(size), 1), left_out);
    const double launch = std::min(by.launch, time.micros);
    time.micros = launch + (time.micros - launch) * by.weight(view(keys)) / by.weight(own);
    return time;
  }
  Keys there{};
  std::copy(own.begin(), own.end(), there.begin());
  OperationTime time = on_curve(slice, axis, left_out);
  const double here = model(there, axis);
  const double wanted = model(keys, axis);
  if (!(here > 0 && wanted > 0)) {
    return std::nullopt;
  }
  time.micros *= wanted / here;
  return time;
}

std::optional<OperationTime> TableLookup::nearest(const Keys& keys, std::int64_t axis,
                                                  const LeftOut& left_out) const {
  // The search looks at every slice; a few shapes are asked for again and again.
  struct Known {
    const TableLookup* lookup = nullptr;
    Keys keys{};
    std::optional<std::size_t> slice;
  };
  static thread_local std::array<Known, 64> known;
  std::size_t hash = 0;
  for (const std::int32_t key : keys) {
    hash = hash * 31 + static_cast<std::size_t>(key);
  }
  Known& slot = known[(hash ^ (hash >> 7)) % known.size()];
  const bool whole = left_out.slice == SIZE_MAX;
  if (!whole || slot.lookup != this || slot.keys != keys) {
    slot = {whole ? this : nullptr, keys, nearest_slice(keys, left_out)};
  }
  if (!slot.slice) {
    return std::nullopt;
  }
  auto time = nearest_place(*slot.slice, keys, axis, left_out);
  if (!time) {
    return std::nullopt;
  }
  const auto own = table_->keys(*slot.slice);
  time->source = TimeSource::extrapolated;
  for (std::size_t key = 0; key < key_count_; ++key) {
    time->distance = std::max(time->distance, log_apart(own[key], keys[key]));
  }
  return time;
}

}  // namespace lockstep
