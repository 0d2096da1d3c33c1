#include "validation/simulated_request.hpp"

#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>

#include "base/read_log.hpp"
#include "perf/csv_file.hpp"
#include "serving/request.hpp"

namespace lockstep {
namespace {

constexpr double kMostNanos = 9.0e15;  // a hundred days; exact as a double

Nanos nanos(const CsvFile& csv, std::size_t column) {
  const double value = csv.number(column);
  if (value != std::floor(value) || std::abs(value) > kMostNanos) {
    csv.refuse("a time must be a whole number of nanoseconds",
               "give the file that `lockstep run --output` wrote");
  }
  return Nanos{static_cast<std::int64_t>(value)};
}

/// "[1, 2, 3]".
std::vector<Nanos> gaps(const CsvFile& csv, std::size_t column) {
  std::vector<Nanos> times;
  const std::string_view text = csv.text(column);
  const auto refuse = [&] {
    csv.refuse("ITL must be a list of whole nanoseconds",
               "give the file that `lockstep run --output` wrote");
  };
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') {
    refuse();
  }
  const char* at = text.data() + 1;
  const char* const end = text.data() + text.size() - 1;
  while (at != end) {
    std::int64_t value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc{} || (next != end && (*next != ',' || next + 1 == end))) {
      refuse();
    }
    times.emplace_back(value);
    at = next == end ? end : next + 1;
    while (at != end && *at == ' ') {
      ++at;
    }
  }
  return times;
}

}  // namespace

std::vector<SimulatedRequest> read_request_csv(const std::filesystem::path& file) {
  ReadLog::note(file, "result");  // first: the table's own note would call it kernel times
  CsvFile csv(file);
  const std::size_t id = csv.column("request id");
  const std::size_t input = csv.column("input");
  const std::size_t output = csv.column("output");
  const std::size_t arrival = csv.column("arrival");
  const std::size_t end_time = csv.column("end_time");
  const std::size_t latency = csv.column("latency");
  const std::size_t queuing = csv.column("queuing_delay");
  const std::size_t ttft = csv.column("TTFT");
  const std::size_t tpot = csv.column("TPOT");
  const std::size_t itl = csv.column("ITL");
  std::vector<SimulatedRequest> requests;
  while (csv.next_row()) {
    requests.push_back({csv.key(id), csv.key(input), csv.key(output), nanos(csv, arrival),
                        nanos(csv, end_time), nanos(csv, latency), nanos(csv, queuing),
                        nanos(csv, ttft), nanos(csv, tpot), gaps(csv, itl), std::nullopt});
  }
  return requests;
}

std::vector<SimulatedRequest> simulated_requests(const RunResult& result) {
  std::vector<SimulatedRequest> requests;
  for (const auto& instance : result.done) {
    for (const Request* request : instance) {
      requests.push_back({request->id, request->input, request->output - request->input,
                          request->arrival, request->end_time, request->latency,
                          request->queuing_delay, request->ttft, request->tpot, request->itl,
                          request->queued.count() >= 0
                              ? std::optional(request->queued - request->arrival)
                              : std::nullopt});
    }
  }
  return requests;
}

}  // namespace lockstep
