#include "perf/moe_table.hpp"

#include <map>
#include <utility>

#include "perf/csv_file.hpp"

namespace lockstep {

MoeTable MoeTable::read(const std::filesystem::path& file) {
  CsvFile csv(file);
  const std::size_t tokens = csv.column("tokens");
  const std::size_t experts = csv.column("activated_experts");
  const std::size_t time = csv.column("time_us");
  std::map<std::int64_t, std::vector<Sample>> rows;
  while (csv.next_row()) {
    rows[csv.key(experts)].push_back({csv.key(tokens), csv.nanos_of_micros(time)});
  }
  if (rows.empty()) {
    csv.refuse("there is no sample in this file", "profile the model's experts");
  }
  MoeTable table;
  for (auto& [count, samples] : rows) {
    table.experts_.push_back(count);
    table.rows_.push_back(curve_of(std::move(samples)));
  }
  return table;
}

Estimate MoeTable::at(std::int64_t tokens, std::int64_t experts) const {
  const Bounds b = bounds(experts_, experts);
  const Estimate low = rows_[b.lo].at(tokens);
  if (b.lo == b.hi) {
    return {low.value, worse(low.source, b.source)};
  }
  const Estimate high = rows_[b.hi].at(tokens);
  const double value = lerp(experts_[b.lo], low.value, experts_[b.hi], high.value, experts);
  if (experts == experts_[b.lo]) {
    return {value, low.source};  // the other row has no weight
  }
  if (experts == experts_[b.hi]) {
    return {value, high.source};
  }
  return {value, worse(b.source, worse(low.source, high.source))};
}

}  // namespace lockstep
