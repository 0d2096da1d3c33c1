#include "perf/skew_fit.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <utility>

#include "perf/csv_file.hpp"
#include "perf/row_cache.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kLargestChunk = 1'000'000'000;  // as keys of tables go

/// Two labels share a key.
std::uint16_t low_label(std::int32_t key) {
  return static_cast<std::uint16_t>(key & 0xffff);
}
std::uint16_t high_label(std::int32_t key) {
  return static_cast<std::uint16_t>(key >> 16);
}

/// Of what the labels in a file mean.
std::uint64_t digest_of(const SkewAxes& axes) {
  std::string text;
  for (const SkewAxis* axis :
       {&axes.decodes, &axes.skew_rate, &axes.kv_largest, &axes.kv_prefill}) {
    text += fmt::format("{}", axis->labels.size());
    for (const std::string& label : axis->labels) {
      text += fmt::format(" {}:{}", label.size(), label);
    }
  }
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace

std::uint16_t SkewAxis::index_of(double value) const {
  std::size_t i = 0;
  while (i + 1 < labels.size() && !(value <= edges[i + 1])) {
    ++i;
  }
  const auto first = std::find(labels.begin(), labels.end(), labels[i]);
  return static_cast<std::uint16_t>(first - labels.begin());
}

std::optional<std::uint16_t> SkewAxis::index_of_label(std::string_view label) const {
  const auto found = std::find(labels.begin(), labels.end(), label);
  if (found == labels.end()) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(found - labels.begin());
}

const SkewAxes& SkewAxes::usual() {
  static const SkewAxes axes{
      .decodes = {{0, 2, 4, 8, 16, 32, 64, 128, 1000000},
                  {"n<=2", "n<=4", "n<=8", "n<=16", "n<=32", "n<=64", "n<=128", "n>128"}},
      .skew_rate = {{-0.01, 0.05, 0.15, 0.40, 0.70, 1.01},
                    {"sr<=5%", "sr<=15%", "sr<=40%", "sr<=70%", "sr>70%"}},
      .kv_largest = {{0, 1024, 4096, 16384, 1000000000},
                     {"kvB<=1k", "kvB<=4k", "kvB<=16k", "kvB>16k"}},
      .kv_prefill = {{-1, 0, 2048, 1000000000}, {"kp=0", "kp<=2k", "kp>2k"}},
  };
  return axes;
}

SkewFit::SkewFit(SkewAxes axes, double default_alpha)
    : axes_(std::move(axes)), default_alpha_(default_alpha) {}

void SkewFit::read(const std::filesystem::path& file) {
  const RowList list = RowCache::of_user().rows(file, RowTable::skew_fit, digest_of(axes_),
                                                [&] { return read_rows(file); });
  for (const NumberRow& row : list.rows()) {
    entries_.push_back({{row.keys[0], low_label(row.keys[1]), low_label(row.keys[2]),
                         high_label(row.keys[3]), low_label(row.keys[3])},
                        row.value});
  }
  sort_entries();
}

std::vector<NumberRow> SkewFit::read_rows(const std::filesystem::path& file) const {
  CsvFile csv(file);
  const std::size_t chunk = csv.column("pc");
  const std::size_t decodes = csv.column("n_label");
  const std::size_t skew_rate = csv.column("skew_rate_label");
  const std::size_t kv_largest = csv.column("kv_big_label");
  const std::size_t kv_prefill = csv.column("kp_label");
  const std::size_t alpha = csv.column("alpha");
  const auto raw_key = csv.find_column("raw_key");
  SkewFit read(axes_, default_alpha_);
  while (csv.next_row()) {
    if (raw_key && !csv.text(*raw_key).empty()) {
      read.add(csv.text(*raw_key), csv.number(alpha));
    } else {
      read.add(csv.key(chunk), csv.text(decodes), csv.text(skew_rate), csv.text(kv_largest),
               csv.text(kv_prefill), csv.number(alpha));
    }
  }
  std::vector<NumberRow> rows;
  for (const Entry& entry : read.entries_) {
    const Bucket& b = entry.bucket;
    if (b.prefill_chunk < 0 || b.prefill_chunk > kLargestChunk) {
      continue;  // of no batch
    }
    rows.push_back({{static_cast<std::int32_t>(b.prefill_chunk), b.decodes, b.skew_rate,
                     (b.kv_largest << 16) | b.kv_prefill},
                    entry.alpha});
  }
  return rows;
}

void SkewFit::add(const std::vector<std::pair<std::string, double>>& buckets) {
  for (const auto& [key, alpha] : buckets) {
    add(key, alpha);
  }
  sort_entries();
}

void SkewFit::add(std::string_view key, double alpha) {
  std::array<std::string_view, 5> parts;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::size_t end = std::min(key.find('|'), key.size());
    parts[i] = key.substr(0, end);
    key.remove_prefix(std::min(end + 1, key.size()));
  }
  std::string_view chunk_text = parts[0];
  if (!key.empty() || !chunk_text.starts_with("pc=")) {
    return;
  }
  chunk_text.remove_prefix(3);
  std::int64_t chunk = 0;
  const char* end = chunk_text.data() + chunk_text.size();
  const auto [stop, error] = std::from_chars(chunk_text.data(), end, chunk);
  if (error == std::errc{} && stop == end) {
    add(chunk, parts[1], parts[2], parts[3], parts[4], alpha);
  }
}

void SkewFit::add(std::int64_t chunk, std::string_view decodes, std::string_view skew_rate,
                  std::string_view kv_largest, std::string_view kv_prefill, double alpha) {
  const auto n = axes_.decodes.index_of_label(decodes);
  const auto rate = axes_.skew_rate.index_of_label(skew_rate);
  const auto largest = axes_.kv_largest.index_of_label(kv_largest);
  const auto prefill = axes_.kv_prefill.index_of_label(kv_prefill);
  if (n && rate && largest && prefill) {
    entries_.push_back({{chunk, *n, *rate, *largest, *prefill}, alpha});
  }
}

void SkewFit::sort_entries() {
  // The last of equal buckets stays: reversed, sorted stably, it comes first.
  std::reverse(entries_.begin(), entries_.end());
  std::stable_sort(entries_.begin(), entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.bucket < b.bucket; });
  entries_.erase(std::unique(entries_.begin(), entries_.end(),
                             [](const Entry& a, const Entry& b) { return a.bucket == b.bucket; }),
                 entries_.end());
}

double SkewFit::alpha(const AttentionShape& shape) const {
  if (entries_.empty()) {
    return default_alpha_;
  }
  const std::int64_t gap = shape.kv_decode_max - shape.kv_decode_min;
  const double rate = gap > 0 ? static_cast<double>(shape.kv_decode_mean - shape.kv_decode_min) /
                                    static_cast<double>(gap)
                              : 0.5;
  const Bucket bucket{shape.prefill_chunk,
                      axes_.decodes.index_of(static_cast<double>(shape.n_decode)),
                      axes_.skew_rate.index_of(std::clamp(rate, 0.0, 1.0)),
                      axes_.kv_largest.index_of(static_cast<double>(shape.kv_decode_max)),
                      axes_.kv_prefill.index_of(static_cast<double>(shape.kv_prefill))};
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), bucket,
                       [](const Entry& entry, const Bucket& b) { return entry.bucket < b; });
  return found != entries_.end() && found->bucket == bucket ? found->alpha : default_alpha_;
}

}  // namespace lockstep
