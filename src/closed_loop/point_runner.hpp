// Runs measured points in parallel.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "closed_loop/point_errors.hpp"
#include "config/host_costs.hpp"

namespace lockstep {

struct PointRunOptions {
  std::vector<std::filesystem::path> model_dirs;
  std::optional<HostCosts> host;  ///< instead of the defaults
  std::string engine_version;     ///< of the kernel times; empty: the newest
  bool allow_tables = true;       ///< false: fitted coefficients only
  std::size_t threads = 2;
};

/// In the order of `points`, whatever the threads.
[[nodiscard]] std::vector<PointResult> run_points(
    const std::vector<MeasuredPoint>& points,
    const std::map<std::string, Recipe, std::less<>>& recipes, const PointRunOptions& options);

}  // namespace lockstep
