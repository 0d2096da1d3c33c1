// Simulated beside measured points: errors by group, and what could not be simulated.
#pragma once

#include <string>
#include <vector>

#include "closed_loop/measured_points.hpp"

namespace lockstep {

struct PointResult {
  MeasuredPoint point;
  std::string failure;  ///< why there is no result; empty: there is one
  double ttft_ms = 0;
  double tpot_ms = 0;
  double gpu_share = 0;
  std::int64_t preemptions = 0;
  /// Where the listed load contradicts the measured figures: the limit of the server's sequences
  /// that the measured TTFT shows, and what it simulates to. 0: as listed.
  std::int64_t found_limit = 0;
  double found_ttft_ms = 0;
  double found_tpot_ms = 0;
};

/// Percent. `bias` is the mean signed error, the others are of its size.
struct ErrorFigures {
  std::size_t count = 0;
  double bias = 0, mean = 0, median = 0, p90 = 0;
};
[[nodiscard]] ErrorFigures error_figures(const std::vector<double>& simulated,
                                         const std::vector<double>& measured);

/// Spearman's, ties averaged; 1 for fewer than two points.
[[nodiscard]] double rank_correlation(const std::vector<double>& a, const std::vector<double>& b);

/// Tables: all (and once more with the limits that were found), by model, GPU, precision,
/// concurrency, lengths, and by cell of model and GPU; then coverage with reasons.
[[nodiscard]] std::string point_report(const std::vector<PointResult>& results);
/// One line a point.
[[nodiscard]] std::string point_csv(const std::vector<PointResult>& results);

}  // namespace lockstep
