#include "explain/intervals.hpp"

#include <algorithm>

namespace lockstep {
namespace {

struct Edge {
  Nanos at;
  Part part;
  int step = 1;  ///< +1 opens, -1 closes
};

std::vector<Edge> edges_of(std::span<const Interval> spans, Nanos begin, Nanos end) {
  std::vector<Edge> edges;
  edges.reserve(2 * spans.size());
  for (const Interval& span : spans) {
    const Nanos from = std::max(span.begin, begin);
    const Nanos to = std::min(span.end, end);
    if (from < to) {
      edges.push_back({from, span.part, 1});
      edges.push_back({to, span.part, -1});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  return edges;
}

void append(std::vector<Interval>& out, const Part& part, Nanos begin, Nanos end) {
  if (begin == end) {
    return;
  }
  if (!out.empty() && out.back().part == part) {
    out.back().end = end;
  } else {
    out.push_back({part, begin, end});
  }
}

}  // namespace

std::vector<Interval> attribute(std::span<const Interval> spans, Nanos begin, Nanos end) {
  std::vector<Interval> out;
  std::map<Part, int> open;
  Nanos cursor = begin;
  for (const Edge& edge : edges_of(spans, begin, end)) {
    append(out, open.empty() ? Part{} : open.begin()->first, cursor, edge.at);
    cursor = edge.at;
    const auto place = open.try_emplace(edge.part, 0).first;
    place->second += edge.step;
    if (place->second == 0) {
      open.erase(place);
    }
  }
  if (cursor < end) {
    append(out, Part{}, cursor, end);
  }
  return out;
}

Parts sum_between(std::span<const Interval> intervals, Nanos begin, Nanos end) {
  Parts parts;
  const auto first =
      std::partition_point(intervals.begin(), intervals.end(),
                           [begin](const Interval& interval) { return interval.end <= begin; });
  for (auto it = first; it != intervals.end() && it->begin < end; ++it) {
    const Nanos time = std::min(it->end, end) - std::max(it->begin, begin);
    if (time > Nanos{0}) {
      parts[it->part] += time;
    }
  }
  return parts;
}

}  // namespace lockstep
