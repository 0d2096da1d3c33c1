#include "perf/bundle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

BundleMeta read_meta_of(const fs::path& dir) {
  const fs::path file = dir / "meta.yaml";
  if (!fs::is_regular_file(file)) {
    throw UserError(fmt::format("the kernel-time bundle {} has no meta.yaml", dir.string()),
                    Where{file.string(), 0, {}}, "profile the model again or copy the file");
  }
  return read_bundle_meta(file);
}

// Reads `file` into `slot` unless it was read before or does not exist.
template <class Table, class Read>
std::shared_ptr<const Table> kept(std::shared_ptr<const Table>& slot, const fs::path& file,
                                  Read read) {
  if (!slot && fs::is_regular_file(file)) {
    slot = std::make_shared<const Table>(read(file));
  }
  return slot;
}

}  // namespace

std::vector<std::int64_t> degrees_in(const fs::path& dir) {
  std::vector<std::int64_t> degrees;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    const std::string name = entry.path().filename().string();
    std::int64_t degree = 0;
    const char* end = name.data() + name.size();
    if (name.starts_with("tp")) {
      const auto [stop, error] = std::from_chars(name.data() + 2, end, degree);
      if (error == std::errc{} && stop == end) {
        degrees.push_back(degree);
      }
    }
  }
  std::sort(degrees.begin(), degrees.end());
  return degrees;
}

Bundle::Bundle(fs::path dir)
    : dir_(std::move(dir)), meta_(read_meta_of(dir_)), degrees_(degrees_in(dir_)) {
  for (const std::int64_t tp : degrees_) {
    tables_[tp].dir = dir_ / fmt::format("tp{}", tp);
  }
}

bool Bundle::has_degree(std::int64_t tp) const {
  return std::binary_search(degrees_.begin(), degrees_.end(), tp);
}

std::shared_ptr<const CurveTable> Bundle::dense(std::int64_t tp) {
  Tables& t = tables_.at(tp);
  return kept(t.dense, t.dir / "dense.csv",
              [](const fs::path& file) { return CurveTable::read(file, "tokens"); });
}

std::shared_ptr<const CurveTable> Bundle::per_sequence(std::int64_t tp) {
  Tables& t = tables_.at(tp);
  return kept(t.per_sequence, t.dir / "per_sequence.csv",
              [](const fs::path& file) { return CurveTable::read(file, "sequences"); });
}

std::shared_ptr<const AttentionTable> Bundle::attention(std::int64_t tp) {
  Tables& t = tables_.at(tp);
  return kept(t.attention, t.dir / "attention.csv",
              [](const fs::path& file) { return AttentionTable::read(file); });
}

std::shared_ptr<const MoeTable> Bundle::moe(std::int64_t tp) {
  Tables& t = tables_.at(tp);
  return kept(t.moe, t.dir / "moe.csv", [](const fs::path& file) { return MoeTable::read(file); });
}

std::shared_ptr<const SkewFit> Bundle::skew(std::int64_t tp, std::vector<std::string>& warnings) {
  std::shared_ptr<const SkewFit>& slot = tables_.at(tp).skew;
  if (slot) {
    return slot;
  }
  const auto found = meta_.skew.find(tp);
  if (!meta_.skew_enabled) {
    slot = std::make_shared<const SkewFit>();
  } else if (found == meta_.skew.end()) {
    slot = std::make_shared<const SkewFit>(meta_.skew_alpha_default);
  } else {
    const SkewMeta& meta = found->second;
    SkewFit fit(meta.axes, meta.alpha_default);
    fit.add(meta.alpha_by_bucket);
    if (meta.alpha_by_bucket.empty() && !meta.bucket_table.empty()) {
      const fs::path file = dir_ / meta.bucket_table;
      if (fs::is_regular_file(file)) {
        fit.read(file);
      } else {
        warnings.push_back(
            fmt::format("{} is missing: batches of unequal contexts use the skew coefficient {}",
                        file.string(), meta.alpha_default));
      }
    }
    slot = std::make_shared<const SkewFit>(std::move(fit));
  }
  return slot;
}

}  // namespace lockstep
