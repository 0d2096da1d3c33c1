// The run file: tables as one array a column.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "report/distribution.hpp"
#include "report/run_json.hpp"
#include "report/timeline.hpp"

namespace lockstep {
namespace {

using Json = nlohmann::ordered_json;

template <class Row, class Value>
Json column(const std::vector<Row>& rows, Value Row::*member) {
  Json values = Json::array();
  values.get_ref<Json::array_t&>().reserve(rows.size());
  for (const Row& row : rows) {
    values.push_back(row.*member);
  }
  return values;
}

Json requests_json(const RunRecord& record) {
  using R = RequestRecord;
  const auto& rows = record.requests;
  Json out{{"id", column(rows, &R::id)},           {"instance", column(rows, &R::instance)},
           {"input", column(rows, &R::input)},     {"output", column(rows, &R::output)},
           {"arrival", column(rows, &R::arrival)}, {"end", column(rows, &R::end)},
           {"latency", column(rows, &R::latency)}, {"queue", column(rows, &R::queue)},
           {"ttft", column(rows, &R::ttft)},       {"tpot", column(rows, &R::tpot)}};
  const bool sessions =
      std::any_of(rows.begin(), rows.end(), [](const R& request) { return request.session >= 0; });
  if (sessions) {
    out["session"] = column(rows, &R::session);
    out["call"] = column(rows, &R::call);
    out["tool"] = column(rows, &R::tool);
  }
  return out;
}

Json steps_json(const RunRecord& record) {
  using S = StepRecord;
  const auto& rows = record.steps;
  return {{"total", record.total_steps},
          {"launch", column(rows, &S::launch)},
          {"end", column(rows, &S::end)},
          {"formed", column(rows, &S::formed)},
          {"instance", column(rows, &S::instance)},
          {"wave", column(rows, &S::wave)},
          {"batch", column(rows, &S::batch)},
          {"requests", column(rows, &S::requests)},
          {"prefills", column(rows, &S::prefills)},
          {"tokens", column(rows, &S::tokens)},
          {"padding", column(rows, &S::padding)},
          {"dummy", column(rows, &S::dummy)},
          {"kv_bytes", column(rows, &S::kv_bytes)}};
}

/// Quantiles at 0, 1/200, ... 1, and counts in buckets of equal width.
Json shape_json(std::vector<std::int64_t> values) {
  const Distribution sorted(std::move(values));
  Json out{{"count", sorted.count()}};
  if (sorted.empty()) {
    return out;
  }
  constexpr int kQuantiles = 200;
  Json quantiles = Json::array();
  for (int i = 0; i <= kQuantiles; ++i) {
    quantiles.push_back(sorted.quantile(static_cast<double>(i) / kQuantiles));
  }
  // Bins up to the 99.5th percentile, the last one for all above: one straggler hides no shape.
  constexpr std::int64_t kBins = 40;
  const std::int64_t low = sorted.sorted().front();
  const auto high = static_cast<std::int64_t>(sorted.quantile(0.995));
  const std::int64_t width = std::max<std::int64_t>(1, (high - low + kBins - 1) / kBins);
  std::vector<std::int64_t> bins(static_cast<std::size_t>(kBins + 1));
  for (const std::int64_t value : sorted.sorted()) {
    ++bins[static_cast<std::size_t>(std::min(kBins, (value - low) / width))];
  }
  out["mean"] = sorted.mean();
  out["quantiles"] = std::move(quantiles);
  out["p99"] = sorted.quantile(0.99);
  out["low"] = low;
  out["bin_ns"] = width;
  out["bins"] = bins;
  return out;
}

Json shapes_json(const RunRecord& record) {
  const auto collect = [&](std::int64_t RequestRecord::*member) {
    std::vector<std::int64_t> values;
    for (const RequestRecord& request : record.requests) {
      if (request.*member >= 0) {
        values.push_back(request.*member);
      }
    }
    return values;
  };
  std::vector<std::int64_t> itl;
  for (const RequestRecord& request : record.requests) {
    itl.insert(itl.end(), request.itl.begin(), request.itl.end());
  }
  return {{"ttft", shape_json(collect(&RequestRecord::ttft))},
          {"tpot", shape_json(collect(&RequestRecord::tpot))},
          {"itl", shape_json(std::move(itl))},
          {"latency", shape_json(collect(&RequestRecord::latency))},
          {"queue", shape_json(collect(&RequestRecord::queue))}};
}

Json timeline_json(const RunRecord& record) {
  const Timeline line = timeline_of(record);
  return {{"width_ns", line.width_ns},
          {"prompt_tokens", line.prompt_tokens},
          {"generated_tokens", line.generated_tokens},
          {"finished", line.finished},
          {"running", line.running},
          {"waiting", line.waiting}};
}

Json memory_json(const RunRecord& record) {
  Json series = Json::array();
  for (const MemorySeries& memory : record.memory) {
    series.push_back({{"name", memory.name},
                      {"tier", memory.tier},
                      {"capacity_bytes", memory.capacity_bytes},
                      {"used", memory.used}});
  }
  return {{"times", record.memory_times}, {"series", std::move(series)}};
}

Json network_series_json(const RunRecord& record) {
  Json out = Json::array();
  for (const DimensionRecord& dimension : record.network) {
    out.push_back({{"name", dimension.name},
                   {"bucket_ns", dimension.bucket_ns},
                   {"npu_ns", dimension.busy_buckets}});
  }
  return out;
}

}  // namespace

nlohmann::ordered_json run_file_json(const RunRecord& record) {
  Json out{{"format", "lockstep-run"}, {"version", 1}};
  out["title"] = record.title;
  if (!record.arguments.empty()) {
    out["arguments"] = record.arguments;
  }
  out["summary"] = summary_json(record);
  out["distributions"] = shapes_json(record);
  out["timeline"] = timeline_json(record);
  out["requests"] = requests_json(record);
  if (!record.steps.empty()) {
    out["steps"] = steps_json(record);
  }
  if (!record.memory.empty()) {
    out["memory"] = memory_json(record);
  }
  if (!record.network.empty()) {
    out["network"] = network_series_json(record);
  }
  out["log_interval_s"] = record.log_interval;
  return out;
}

std::string run_file_text(const RunRecord& record) {
  return run_file_json(record).dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace lockstep
