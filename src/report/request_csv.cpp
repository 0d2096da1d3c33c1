#include "report/request_csv.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <iterator>

namespace lockstep {
namespace {

void append_text(std::string& csv, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    csv += text;
    return;
  }
  csv += '"';
  for (const char c : text) {
    if (c == '"') {
      csv += '"';
    }
    csv += c;
  }
  csv += '"';
}

/// "[1, 2]"; quoted from two entries on, because of the comma.
void append_list(std::string& csv, const std::vector<Nanos>& values) {
  const bool quoted = values.size() > 1;
  csv += quoted ? "\"[" : "[";
  bool first = true;
  for (const Nanos value : values) {
    const fmt::format_int digits(value.count());  // most of a file is these numbers
    csv += first ? "" : ", ";
    csv.append(digits.data(), digits.size());
    first = false;
  }
  csv += quoted ? "]\"" : "]";
}

std::size_t size_estimate(const RunResult& result) {
  constexpr std::size_t kRow = 160;
  constexpr std::size_t kEntry = 11;
  std::size_t size = kRequestCsvHeader.size();
  for (const auto& requests : result.done) {
    for (const Request* request : requests) {
      size += kRow + kEntry * request->itl.size();
    }
  }
  return size;
}

}  // namespace

void append_request_row(std::string& csv, const Request& request, std::string_view model) {
  auto out = std::back_inserter(csv);
  fmt::format_to(out, FMT_STRING("{},{},"), request.instance, request.id);
  append_text(csv, model);
  fmt::format_to(out, FMT_STRING(",{},{},{},{},{},{},{},{},"), request.input,
                 request.output - request.input, request.arrival.count(), request.end_time.count(),
                 request.latency.count(), request.queuing_delay.count(), request.ttft.count(),
                 request.tpot.count());
  append_list(csv, request.itl);
  csv += "\r\n";
}

std::string request_csv(const RunResult& result, const Cluster& cluster) {
  std::string csv;
  csv.reserve(size_estimate(result));
  csv += kRequestCsvHeader;
  for (const auto& requests : result.done) {
    for (const Request* request : requests) {
      const auto instance = static_cast<std::size_t>(request->instance);
      append_request_row(csv, *request, cluster.instances[instance].model->name);
    }
  }
  return csv;
}

}  // namespace lockstep
