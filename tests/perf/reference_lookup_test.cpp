// Every recorded look-up on the measured bundles.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "perf/bundle.hpp"
#include "perf/csv_file.hpp"
#include "perf/measured_times.hpp"
#include "perf_test_support.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct BundleCase {
  std::string hardware, model;
  std::int64_t tp = 1;
};

// "<hardware>__<owner>__<model>__tp<N>.csv"
BundleCase parse_name(const std::string& stem) {
  const auto first = stem.find("__");
  const auto second = stem.find("__", first + 2);
  const auto third = stem.find("__", second + 2);
  return {stem.substr(0, first),
          stem.substr(first + 2, second - first - 2) + "/" +
              stem.substr(second + 2, third - second - 2),
          std::stoll(stem.substr(third + 4))};
}

class Rows {
public:
  explicit Rows(const fs::path& file) : csv_(file) {}
  bool next() { return csv_.next_row(); }
  [[nodiscard]] std::string text(std::string_view column) const {
    return std::string(csv_.text(csv_.column(column)));
  }
  [[nodiscard]] std::int64_t number(std::string_view column) const {
    return text(column).empty() ? 0 : std::stoll(text(column));
  }

private:
  CsvFile csv_;
};

std::int64_t looked_up(const MeasuredTimes& times, const Rows& row) {
  const std::string category = row.text("category");
  const auto layer = layer_from_name(row.text("layer"));
  if (category == "dense") {
    return times.dense(layer.value(), row.number("tokens")).time.count();
  }
  if (category == "per_sequence") {
    return times.per_sequence(layer.value(), row.number("sequences")).time.count();
  }
  if (category == "moe") {
    return times.moe(row.number("tokens"), row.number("activated_experts")).time.count();
  }
  AttentionShape shape{row.number("prefill_chunk"), row.number("kv_prefill"),
                       row.number("n_decode"),      row.number("kv_decode"),
                       row.number("kv_decode_max"), row.number("kv_decode_min")};
  if (category == "attention") {  // plain: contexts of equal length
    shape.kv_decode_max = shape.kv_decode_mean;
    shape.kv_decode_min = shape.kv_decode_mean;
  } else {
    EXPECT_EQ(times.skew_alpha(shape), std::stod(row.text("alpha")));
  }
  return times.attention(shape).time.count();
}

TEST(ReferenceLookups, EveryRowEqual) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(reference / "vectors" / "perf")) {
    files.insert(entry.path());
  }
  std::size_t equal = 0;
  std::size_t total = 0;
  for (const fs::path& file : files) {
    const BundleCase bundle_case = parse_name(file.stem().string());
    std::vector<std::string> warnings;
    Bundle bundle(reference / "bundles" / bundle_case.hardware / bundle_case.model / "bf16");
    const MeasuredTimes times(bundle, bundle_case.tp, warnings);
    EXPECT_TRUE(warnings.empty());
    Rows row(file);
    while (row.next()) {
      ++total;
      const std::int64_t expected = row.number("result_ns");
      const std::int64_t got = looked_up(times, row);
      equal += got == expected ? 1 : 0;
      EXPECT_EQ(got, expected) << file << " row " << total;
    }
  }
  RecordProperty("rows", static_cast<int>(total));
  std::cout << "look-ups equal: " << equal << " of " << total << "\n";
  EXPECT_EQ(equal, total);
  EXPECT_GT(total, 2000U);
}

TEST(ReferenceLookups, LibraryFindsTheBundles) {
  LOCKSTEP_REQUIRE_REFERENCE(reference);
  KernelTimeLibrary library(testing::only(reference / "bundles"));
  const auto model = testing::small_model("meta-llama/Llama-3.1-8B");
  const auto times = library.times_for(testing::instance_of("RTXPRO6000", model, 2));
  EXPECT_EQ(times->dense(Layer::qkv_proj, 1000).time, Nanos{92208});
  EXPECT_EQ(times->dense(Layer::layernorm, 1000).time, Nanos{5821});
  EXPECT_TRUE(library.warnings().empty());
}

}  // namespace
}  // namespace lockstep
