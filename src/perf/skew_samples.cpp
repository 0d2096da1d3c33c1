#include "perf/skew_samples.hpp"

#include <algorithm>

#include "perf/csv_file.hpp"

namespace lockstep {

double SkewSample::skew_rate() const {
  const std::int64_t gap = std::max<std::int64_t>(1, kv_large - kv_small);
  return std::clamp(static_cast<double>(kv_mean - kv_small) / static_cast<double>(gap), 0.0, 1.0);
}

std::vector<SkewSample> read_skew_samples(const std::filesystem::path& file) {
  CsvFile csv(file);
  const std::size_t n = csv.column("n");
  const std::size_t nb = csv.column("nb");
  const std::size_t pc = csv.column("pc");
  const std::size_t kp = csv.column("kp");
  const std::size_t kvs = csv.column("kvs");
  const std::size_t kv_big = csv.column("kv_big");
  const std::size_t kv_mean = csv.column("kv_mean");
  const std::size_t t_mean = csv.column("t_mean_us");
  const std::size_t t_max = csv.column("t_max_us");
  const std::size_t t_skew = csv.column("t_skew_us");
  const std::size_t alpha = csv.column("alpha");
  const auto time = [&](std::size_t column) {
    const double micros = csv.number(column);
    if (micros <= 0) {
      csv.refuse("a time must be above 0", "measure the sample again or remove the row");
    }
    return micros;
  };
  std::vector<SkewSample> samples;
  while (csv.next_row()) {
    const auto mark = csv.text(alpha);
    samples.push_back({csv.key(n), csv.key(nb), csv.key(pc), csv.key(kp), csv.key(kvs),
                       csv.key(kv_big), csv.key(kv_mean), time(t_mean), time(t_max), time(t_skew),
                       !mark.empty() && mark != "nan" && mark != "NaN"});
  }
  return samples;
}

}  // namespace lockstep
