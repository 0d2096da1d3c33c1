// A measured bundle: `<root>/<hardware>/<model>/<variant>/` with meta.yaml and one folder tp<N> per
// tensor-parallel degree. Files are read when first asked for and then kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "perf/attention_table.hpp"
#include "perf/bundle_meta.hpp"
#include "perf/curve_table.hpp"
#include "perf/moe_table.hpp"
#include "perf/skew_fit.hpp"

namespace lockstep {

class Bundle {
public:
  /// Reads meta.yaml and lists the degrees. Throws UserError when meta.yaml is missing or bad.
  explicit Bundle(std::filesystem::path dir);

  [[nodiscard]] const std::filesystem::path& dir() const { return dir_; }
  [[nodiscard]] const BundleMeta& meta() const { return meta_; }
  /// Sorted ascending.
  [[nodiscard]] const std::vector<std::int64_t>& degrees() const { return degrees_; }
  [[nodiscard]] bool has_degree(std::int64_t tp) const;

  /// Tables of one degree; null when the file is absent. Throw UserError on malformed files.
  [[nodiscard]] std::shared_ptr<const CurveTable> dense(std::int64_t tp);
  [[nodiscard]] std::shared_ptr<const CurveTable> per_sequence(std::int64_t tp);
  [[nodiscard]] std::shared_ptr<const AttentionTable> attention(std::int64_t tp);
  [[nodiscard]] std::shared_ptr<const MoeTable> moe(std::int64_t tp);
  /// Never null. `warnings` gets a line when the fit's table is named but absent.
  [[nodiscard]] std::shared_ptr<const SkewFit> skew(std::int64_t tp,
                                                    std::vector<std::string>& warnings);

private:
  struct Tables {
    std::filesystem::path dir;
    std::shared_ptr<const CurveTable> dense;
    std::shared_ptr<const CurveTable> per_sequence;
    std::shared_ptr<const AttentionTable> attention;
    std::shared_ptr<const MoeTable> moe;
    std::shared_ptr<const SkewFit> skew;
  };

  std::filesystem::path dir_;
  BundleMeta meta_;
  std::vector<std::int64_t> degrees_;
  std::map<std::int64_t, Tables> tables_;
};

/// Degrees for which `dir` has a folder tp<N>, sorted ascending; none when `dir` does not exist.
[[nodiscard]] std::vector<std::int64_t> degrees_in(const std::filesystem::path& dir);

}  // namespace lockstep
