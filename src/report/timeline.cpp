#include "report/timeline.hpp"

#include <algorithm>

namespace lockstep {
namespace {

std::int64_t nice_width(std::int64_t total, std::int64_t most) {
  std::int64_t power = 1;
  for (;;) {
    for (const std::int64_t step : {1, 2, 5}) {
      if (total / (step * power) < most) {
        return step * power;
      }
    }
    power *= 10;
  }
}

/// Adds to each bucket the share of it that [begin, end) covers.
class Cover {
public:
  Cover(std::vector<double>& series, std::int64_t width) : series_(series), width_(width) {}

  void add(std::int64_t begin, std::int64_t end) {
    const auto limit = static_cast<std::int64_t>(series_.size()) * width_;
    begin = std::clamp<std::int64_t>(begin, 0, limit);
    end = std::clamp<std::int64_t>(end, 0, limit);
    while (begin < end) {
      const std::int64_t bucket = begin / width_;
      const std::int64_t until = std::min(end, (bucket + 1) * width_);
      series_[static_cast<std::size_t>(bucket)] +=
          static_cast<double>(until - begin) / static_cast<double>(width_);
      begin = until;
    }
  }

private:
  std::vector<double>& series_;
  std::int64_t width_;
};

}  // namespace

Timeline timeline_of(const RunRecord& record, std::int64_t most) {
  std::int64_t end = record.total_ns;
  for (const RequestRecord& request : record.requests) {
    end = std::max(end, request.end);
  }
  Timeline line;
  line.width_ns = nice_width(end, most);
  const auto buckets = static_cast<std::size_t>(end / line.width_ns + 1);
  for (auto* series : {&line.prompt_tokens, &line.generated_tokens, &line.finished, &line.running,
                       &line.waiting}) {
    series->resize(buckets);
  }
  const auto count = [&](std::vector<double>& series, std::int64_t time, std::int64_t number) {
    if (time >= 0 && time <= end) {
      series[static_cast<std::size_t>(time / line.width_ns)] += static_cast<double>(number);
    }
  };
  Cover running(line.running, line.width_ns);
  Cover waiting(line.waiting, line.width_ns);
  for (const RequestRecord& request : record.requests) {
    const std::int64_t scheduled = request.arrival + std::max<std::int64_t>(request.queue, 0);
    waiting.add(request.arrival, scheduled);
    running.add(scheduled, request.end);
    count(line.finished, request.end, 1);
    if (request.ttft < 0) {
      continue;
    }
    std::int64_t time = request.arrival + request.ttft;
    count(line.prompt_tokens, time, request.input);
    count(line.generated_tokens, time, 1);
    // Tokens accepted together share a gap; which ones is not recorded, so they are spread evenly.
    const auto gaps = std::ssize(request.itl);
    for (std::int64_t i = 0; i < gaps; ++i) {
      time += request.itl[static_cast<std::size_t>(i)];
      const std::int64_t later = request.output - 1;
      count(line.generated_tokens, time, later * (i + 1) / gaps - later * i / gaps);
    }
  }
  return line;
}

}  // namespace lockstep
