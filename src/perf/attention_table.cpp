#include "perf/attention_table.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "perf/csv_file.hpp"
#include "perf/row_cache.hpp"

namespace lockstep {
namespace {

// Bounds the search for substitutes; a profile of 100 chunks and 50 decode counts needs 25 million.
constexpr std::size_t kMostCornerSteps = 1'000'000'000;

AttentionPoint point_of(const AttentionSample& sample) {
  return sample.point;
}
/// A row's keys are in the order of slices, rows and samples.
AttentionPoint point_of(const NumberRow& row) {
  return {row.keys[0], row.keys[2], row.keys[1], row.keys[3]};
}
auto key_of(const AttentionSample& sample) {
  const AttentionPoint& p = sample.point;
  return std::array{p.prefill_chunk, p.n_decode, p.kv_prefill, p.kv_decode};
}
const auto& key_of(const NumberRow& row) {
  return row.keys;
}
double nanos_of(const AttentionSample& sample) {
  return sample.nanos;
}
double nanos_of(const NumberRow& row) {
  return row.value;
}

template <class Samples>
bool are_in_order(const Samples& samples) {
  const auto out_of_order = [](const auto& a, const auto& b) { return key_of(a) >= key_of(b); };
  return std::ranges::adjacent_find(samples, out_of_order) == samples.end();
}

/// As (chunk, decodes, kv_prefill, kv_decode): slices, rows and samples are runs. Of equal points
/// the first stays.
template <class Samples>
void sort_distinct_samples(Samples& samples) {
  const auto in_order = [](const auto& a, const auto& b) { return key_of(a) < key_of(b); };
  if (are_in_order(samples)) {
    return;
  }
  std::stable_sort(samples.begin(), samples.end(), in_order);
  const auto equal = [](const auto& a, const auto& b) { return key_of(a) == key_of(b); };
  samples.erase(std::unique(samples.begin(), samples.end(), equal), samples.end());
}

void sort_distinct(std::vector<std::int64_t>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

std::vector<NumberRow> read_samples(const std::filesystem::path& file) {
  CsvFile csv(file);
  const std::size_t chunk = csv.column("prefill_chunk");
  const std::size_t kv_prefill = csv.column("kv_prefill");
  const std::size_t decodes = csv.column("n_decode");
  const std::size_t kv_decode = csv.column("kv_decode");
  const std::size_t time = csv.column("time_us");
  const auto key = [&](std::size_t column) { return static_cast<std::int32_t>(csv.key(column)); };
  std::vector<NumberRow> rows;
  rows.reserve(csv.row_estimate());
  while (csv.next_row()) {
    rows.push_back(
        {{key(chunk), key(decodes), key(kv_prefill), key(kv_decode)}, csv.nanos_of_micros(time)});
  }
  if (rows.empty()) {
    csv.refuse("there is no sample in this file", "profile the model's attention");
  }
  sort_distinct_samples(rows);
  return rows;
}

}  // namespace

AttentionTable AttentionTable::read(const std::filesystem::path& file) {
  const RowList list =
      RowCache::of_user().rows(file, RowTable::attention, 0, [&] { return read_samples(file); });
  return of_rows(list.rows());
}

AttentionTable AttentionTable::of_rows(std::span<const NumberRow> rows) {
  ensure(!rows.empty(), "an attention table needs a sample");
  AttentionTable table;
  if (are_in_order(rows)) {
    table.build(rows);
  } else {
    std::vector<NumberRow> sorted(rows.begin(), rows.end());
    sort_distinct_samples(sorted);
    table.build(sorted);
  }
  return table;
}

AttentionTable::AttentionTable(std::vector<AttentionSample> samples) {
  ensure(!samples.empty(), "an attention table needs a sample");
  sort_distinct_samples(samples);
  build(samples);
}

template <class Samples>
void AttentionTable::build(const Samples& samples) {
  keys_.reserve(samples.size());
  nanos_.reserve(samples.size());
  for (const auto& sample : samples) {
    const AttentionPoint p = point_of(sample);
    const bool new_slice = slices_.empty() || slices_.back().prefill_chunk != p.prefill_chunk ||
                           slices_.back().n_decode != p.n_decode;
    if (new_slice) {
      slices_.push_back({p.prefill_chunk, p.n_decode, rows_.size(), 0});
      chunks_.push_back(p.prefill_chunk);
      decodes_.push_back(p.n_decode);
    }
    if (new_slice || row_keys_.back() != p.kv_prefill) {
      row_keys_.push_back(p.kv_prefill);
      rows_.push_back({keys_.size(), 0});
      ++slices_.back().row_count;
    }
    keys_.push_back(p.kv_decode);
    nanos_.push_back(nanos_of(sample));
    ++rows_.back().count;
  }
  sort_distinct(chunks_);
  sort_distinct(decodes_);
  build_corners();
}

void AttentionTable::build_corners() {
  if (chunks_.size() * decodes_.size() > kMostCornerSteps / slices_.size()) {
    throw UserError("the attention samples have too many different prefill_chunk and n_decode",
                    Where{}, "profile a grid: few chunks times few decode counts");
  }
  corners_.reserve(chunks_.size() * decodes_.size());
  std::size_t next = 0;  // the slices come in the order of this double loop
  for (const std::int64_t chunk : chunks_) {
    for (const std::int64_t decodes : decodes_) {
      const bool measured = next < slices_.size() && slices_[next].prefill_chunk == chunk &&
                            slices_[next].n_decode == decodes;
      if (measured) {
        corners_.push_back({static_cast<std::uint32_t>(next++), false});
      } else {
        corners_.push_back({nearest_slice(chunk, decodes), true});
      }
    }
  }
}

// Smallest (chunk' - chunk)^2 + (decodes' - decodes)^2; the lexicographically first pair of equals.
std::uint32_t AttentionTable::nearest_slice(std::int64_t chunk, std::int64_t decodes) const {
  std::int64_t best = std::numeric_limits<std::int64_t>::max();
  std::size_t found = 0;
  for (std::size_t i = 0; i < slices_.size(); ++i) {
    const std::int64_t dp = slices_[i].prefill_chunk - chunk;
    const std::int64_t dn = slices_[i].n_decode - decodes;
    const std::int64_t distance = dp * dp + dn * dn;
    if (distance < best) {
      best = distance;
      found = i;
    }
    if (dp > 0 && dp * dp > best) {
      break;  // slices further on lie further away
    }
  }
  return static_cast<std::uint32_t>(found);
}

// A single sample answers any kv_decode; without decodes the axis does not exist.
Estimate AttentionTable::row(std::size_t index, const Slice& slice, std::int64_t kv_decode) const {
  const Row& r = rows_[index];
  const double* nanos = nanos_.data() + r.first;
  if (r.count == 1) {
    const bool on_grid = slice.n_decode == 0 || keys_[r.first] == kv_decode;
    return {nanos[0], on_grid ? TimeSource::exact : TimeSource::extrapolated};
  }
  const Bracket b = bracket({keys_.data() + r.first, r.count}, kv_decode);
  return {nanos[b.lo] + b.weight * (nanos[b.hi] - nanos[b.lo]), b.source};
}

Estimate AttentionTable::corner(std::size_t chunk, std::size_t decodes,
                                const AttentionPoint& point) const {
  const Corner& c = corners_[chunk * decodes_.size() + decodes];
  const Slice& slice = slices_[c.slice];
  Bracket b = bracket({row_keys_.data() + slice.first_row, slice.row_count}, point.kv_prefill);
  if (slice.prefill_chunk == 0) {
    b.source = TimeSource::exact;  // without a prefill the axis does not exist
  }
  const TimeSource axis = c.substitute ? TimeSource::extrapolated : b.source;
  const Estimate low = row(slice.first_row + b.lo, slice, point.kv_decode);
  if (b.weight == 0.0) {  // the other row has no weight: the blend is `low` to the last bit
    return {low.value, worse(axis, low.source)};
  }
  const Estimate high = row(slice.first_row + b.hi, slice, point.kv_decode);
  const TimeSource rows = b.weight == 1.0 ? high.source : worse(low.source, high.source);
  return {low.value + b.weight * (high.value - low.value), worse(axis, rows)};
}

Estimate AttentionTable::along_decodes(std::size_t chunk, const Bracket& decodes,
                                       const AttentionPoint& point) const {
  const Estimate low = corner(chunk, decodes.lo, point);
  if (decodes.weight == 0.0) {
    return {low.value, worse(decodes.source, low.source)};
  }
  const Estimate high = corner(chunk, decodes.hi, point);
  const TimeSource ends = decodes.weight == 1.0 ? high.source : worse(low.source, high.source);
  return {low.value + decodes.weight * (high.value - low.value), worse(decodes.source, ends)};
}

Estimate AttentionTable::at(AttentionPoint point) const {
  constexpr std::int64_t kZero = 0;
  point.prefill_chunk = std::max(point.prefill_chunk, kZero);
  point.kv_prefill = std::max(point.kv_prefill, kZero);
  point.n_decode = std::max(point.n_decode, kZero);
  point.kv_decode = std::max(point.kv_decode, kZero);
  const Bracket chunk = bracket(chunks_, point.prefill_chunk);
  const Bracket decodes = bracket(decodes_, point.n_decode);
  const Estimate low = along_decodes(chunk.lo, decodes, point);
  if (chunk.weight == 0.0) {
    return {low.value, worse(chunk.source, low.source)};
  }
  const Estimate high = along_decodes(chunk.hi, decodes, point);
  const TimeSource ends = chunk.weight == 1.0 ? high.source : worse(low.source, high.source);
  return {low.value + chunk.weight * (high.value - low.value), worse(chunk.source, ends)};
}

}  // namespace lockstep
