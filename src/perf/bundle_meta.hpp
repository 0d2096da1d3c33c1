// What a bundle's meta.yaml says that matters for times: the limits it was profiled at, and the
// skew fit. Everything else in the file is provenance.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "perf/skew_fit.hpp"

namespace lockstep {

struct SkewMeta {
  double alpha_default = 0;
  SkewAxes axes;
  std::string bucket_table;  ///< relative to the bundle's folder; empty: none
  std::vector<std::pair<std::string, double>> alpha_by_bucket;  ///< inline; then no file is read
};

struct BundleMeta {
  std::optional<std::int64_t> max_num_batched_tokens;
  std::optional<std::int64_t> max_num_seqs;
  bool skew_enabled = false;
  double skew_alpha_default = 0;          ///< for a tp that `skew` does not name
  std::map<std::int64_t, SkewMeta> skew;  ///< by tp
};

/// Throws UserError naming file and line when the file cannot be read or understood.
[[nodiscard]] BundleMeta read_bundle_meta(const std::filesystem::path& file);

}  // namespace lockstep
