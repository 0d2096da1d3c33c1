#include "validation/step_segments.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace lockstep {
namespace {

/// Steps that stamps are apart, where a chain of relations joins them.
class StepChains {
public:
  explicit StepChains(std::size_t stamps)
      : parent_(stamps), offset_(stamps, 0), contradicted_(stamps, false) {
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
  }

  /// `later` is `steps` steps after `earlier`. False: the relations so far say otherwise.
  bool relate(std::size_t earlier, std::size_t later, std::int64_t steps) {
    const std::size_t a = root(earlier);
    const std::size_t b = root(later);
    const std::int64_t apart = offset_of(earlier) + steps - offset_of(later);
    if (a != b) {
      parent_[b] = a;
      offset_[b] = apart;
      contradicted_[a] = contradicted_[a] || contradicted_[b];
      return true;
    }
    contradicted_[a] = contradicted_[a] || apart != 0;
    return apart == 0;
  }
  [[nodiscard]] std::size_t root(std::size_t stamp) const {
    while (parent_[stamp] != stamp) {
      stamp = parent_[stamp];
    }
    return stamp;
  }
  /// Steps after the root.
  [[nodiscard]] std::int64_t offset_of(std::size_t stamp) const {
    std::int64_t sum = 0;
    for (; parent_[stamp] != stamp; stamp = parent_[stamp]) {
      sum += offset_[stamp];
    }
    return sum;
  }
  [[nodiscard]] bool contradicted(std::size_t stamp) const { return contradicted_[root(stamp)]; }

private:
  std::vector<std::size_t> parent_;
  std::vector<std::int64_t> offset_;  ///< steps after the parent
  std::vector<bool> contradicted_;    ///< of roots
};

std::vector<DecodeSpan> spans_of(const RecordedRun& run, double origin) {
  const auto since = [origin](double seconds) {
    return Nanos{std::llround((seconds - origin) * 1e9)};
  };
  std::vector<DecodeSpan> spans;
  for (std::size_t i = 0; i < run.requests.size(); ++i) {
    const RecordedRequest& request = run.requests[i];
    if (request.first_token && request.last_token && *request.last_token >= *request.first_token) {
      spans.push_back({i, request.input_toks, request.output_toks, since(*request.first_token),
                       since(*request.last_token)});
    }
  }
  return spans;
}

double first_stamp(const RecordedRun& run) {
  double first = std::numeric_limits<double>::infinity();
  for (const RecordedRequest& request : run.requests) {
    first = std::min(first, request.first_token.value_or(first));
  }
  return std::isfinite(first) ? first : 0.0;
}

std::vector<Nanos> distinct_stamps(const std::vector<DecodeSpan>& spans) {
  std::vector<Nanos> stamps;
  for (const DecodeSpan& span : spans) {
    stamps.push_back(span.first);
    stamps.push_back(span.last);
  }
  std::sort(stamps.begin(), stamps.end());
  stamps.erase(std::unique(stamps.begin(), stamps.end()), stamps.end());
  return stamps;
}

void describe(const StepSegments& all, Nanos last_first, StepSegment& segment) {
  segment.after_prefill = segment.begin >= last_first;
  for (std::size_t i = 0; i < all.spans.size(); ++i) {
    const DecodeSpan& span = all.spans[i];
    if (span.first < segment.end && span.last > segment.begin) {
      segment.running.push_back(i);
    }
    if (span.first > segment.begin && span.first <= segment.end) {
      ++segment.first_tokens;
    }
  }
}

}  // namespace

StepSegments find_step_segments(const RecordedRun& run, std::int64_t engines) {
  StepSegments out;
  if (run.client_stamps) {
    return out;
  }
  out.origin = first_stamp(run);
  out.spans = spans_of(run, out.origin);
  const std::vector<Nanos> stamps = distinct_stamps(out.spans);
  const auto index = [&](Nanos stamp) {
    return static_cast<std::size_t>(std::lower_bound(stamps.begin(), stamps.end(), stamp) -
                                    stamps.begin());
  };
  StepChains chains(stamps.size());
  Nanos last_first;
  for (const DecodeSpan& span : out.spans) {
    last_first = std::max(last_first, span.first);
    out.contradictions +=
        chains.relate(index(span.first), index(span.last), span.output - 1) ? 0 : 1;
  }
  std::map<std::size_t, std::vector<std::size_t>> groups;  // root: its stamps by time
  for (std::size_t stamp = 0; stamp < stamps.size(); ++stamp) {
    groups[chains.root(stamp)].push_back(stamp);
  }
  for (const auto& [root, members] : groups) {
    const std::size_t group = out.groups++;
    std::vector<StepSegment> found;
    bool sound = !chains.contradicted(root);
    for (std::size_t i = 1; i < members.size(); ++i) {
      StepSegment segment;
      segment.group = group;
      segment.engine = engines == 1 ? std::optional<std::int32_t>{0} : std::nullopt;
      segment.begin = stamps[members[i - 1]];
      segment.end = stamps[members[i]];
      segment.steps = chains.offset_of(members[i]) - chains.offset_of(members[i - 1]);
      sound = sound && segment.steps > 0;  // a later stamp is a later step
      describe(out, last_first, segment);
      found.push_back(std::move(segment));
    }
    if (sound) {
      std::move(found.begin(), found.end(), std::back_inserter(out.segments));
    } else {
      ++out.dropped;
    }
  }
  std::stable_sort(out.segments.begin(), out.segments.end(),
                   [](const StepSegment& a, const StepSegment& b) {
                     return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
                   });
  return out;
}

std::vector<RunningStretch> running_in(const StepSegments& all, const StepSegment& segment) {
  std::map<Nanos, std::int64_t> changes{{segment.begin, 0}, {segment.end, 0}};
  for (const std::size_t index : segment.running) {
    const DecodeSpan& span = all.spans[index];
    ++changes[std::max(span.first, segment.begin)];
    --changes[std::min(span.last, segment.end)];
  }
  std::vector<RunningStretch> stretches;
  std::int64_t running = 0;
  for (auto it = changes.begin(); std::next(it) != changes.end(); ++it) {
    running += it->second;
    stretches.push_back({std::next(it)->first - it->first, running});
  }
  return stretches;
}

double StepTimeByRunning::at(double running) const {
  if (points_.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const auto above =
      std::lower_bound(points_.begin(), points_.end(), running,
                       [](const Point& point, double value) { return point.running < value; });
  if (above == points_.begin()) {
    return points_.front().ms;
  }
  if (above == points_.end()) {
    return points_.back().ms;
  }
  const Point& below = *std::prev(above);
  const double part = (running - below.running) / (above->running - below.running);
  return below.ms + part * (above->ms - below.ms);
}

SegmentPrediction predict(const StepSegments& all, const StepSegment& segment,
                          const StepTimeByRunning& times) {
  double time = 0;
  double steps = 0;
  double weighted = 0;
  for (const RunningStretch& stretch : running_in(all, segment)) {
    const auto ms = static_cast<double>(stretch.time.count()) / 1e6;
    const double share = ms / times.at(static_cast<double>(stretch.running));
    time += ms;
    steps += share;
    weighted += share * static_cast<double>(stretch.running);
  }
  return {time / steps, weighted / steps};
}

}  // namespace lockstep
