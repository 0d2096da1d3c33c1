#include "perf/curve_table.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "perf/csv_file.hpp"

namespace lockstep {

Estimate Curve::at(std::int64_t key) const {
  if (keys.size() == 1) {
    return {nanos[0], key == keys[0] ? TimeSource::exact : TimeSource::extrapolated};
  }
  const Bounds b = bounds(keys, key);
  if (b.lo == b.hi) {
    return {nanos[b.lo], b.source};
  }
  return {lerp(keys[b.lo], nanos[b.lo], keys[b.hi], nanos[b.hi], key), b.source};
}

Curve curve_of(std::vector<Sample> samples) {
  std::stable_sort(samples.begin(), samples.end(),
                   [](const Sample& a, const Sample& b) { return a.key < b.key; });
  Curve curve;
  for (const Sample& sample : samples) {
    if (curve.empty() || curve.keys.back() != sample.key) {
      curve.keys.push_back(sample.key);
      curve.nanos.push_back(sample.nanos);
    }
  }
  return curve;
}

CurveTable CurveTable::read(const std::filesystem::path& file, std::string_view key_column) {
  CsvFile csv(file);
  const std::size_t layer_column = csv.column("layer");
  const std::size_t key = csv.column(key_column);
  const std::size_t time = csv.column("time_us");
  std::array<std::vector<Sample>, kLayerCount> samples;
  std::string last_name;
  std::optional<Layer> layer;
  while (csv.next_row()) {
    if (csv.text(layer_column) != last_name) {
      last_name = csv.text(layer_column);
      layer = layer_from_name(last_name);
    }
    const Sample sample{csv.key(key), csv.nanos_of_micros(time)};
    if (layer) {
      samples[static_cast<std::size_t>(*layer)].push_back(sample);
    }
  }
  CurveTable table;
  for (std::size_t i = 0; i < kLayerCount; ++i) {
    table.curves_[i] = curve_of(std::move(samples[i]));
  }
  return table;
}

}  // namespace lockstep
