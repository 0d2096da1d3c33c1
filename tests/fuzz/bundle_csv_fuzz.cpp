// The tables of a bundle of kernel times; the first byte says which.
#include "fuzz_target.hpp"
#include "perf/attention_table.hpp"
#include "perf/curve_table.hpp"
#include "perf/moe_table.hpp"
#include "perf/skew_fit.hpp"
#include "perf/skew_samples.hpp"

namespace {

void read_bundle_table(std::string_view bytes) {
  using namespace lockstep;
  const std::size_t which = fuzz::take_choice(bytes, 6);
  const auto file = fuzz::file_of(bytes, "table.csv");
  switch (which) {
    case 0:
      static_cast<void>(CurveTable::read(file, "tokens").of(Layer{}));
      break;
    case 1:
      static_cast<void>(CurveTable::read(file, "sequences"));
      break;
    case 2:
      static_cast<void>(AttentionTable::read(file).at({100, 1000, 8, 4096}));
      break;
    case 3:
      static_cast<void>(MoeTable::read(file).at(100, 8));
      break;
    case 4:
      SkewFit(SkewAxes::usual(), 0.5).read(file);
      break;
    default:
      static_cast<void>(read_skew_samples(file));
  }
}

}  // namespace

LOCKSTEP_FUZZ_TARGET(bundle_csv, read_bundle_table)
