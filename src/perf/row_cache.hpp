// Tables of bundles that have been read once, kept as numbers in the user's cache folder:
// $XDG_CACHE_HOME/lockstep/bundle-rows, else ~/.cache/lockstep/bundle-rows. One file a table, made
// anew when its source has changed in any way or when it is damaged. Whatever goes wrong with the
// cache, the source is read instead. $LOCKSTEP_NO_BUNDLE_CACHE, if set, turns it off.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "perf/row_file.hpp"

namespace lockstep {

/// Rows that were read, or lie in a file that is mapped.
class RowList {
public:
  explicit RowList(std::vector<NumberRow> rows);
  RowList(void* mapped, std::size_t bytes, std::span<const NumberRow> rows);
  ~RowList();
  RowList(RowList&& other) noexcept;
  RowList(const RowList&) = delete;
  RowList& operator=(const RowList&) = delete;
  RowList& operator=(RowList&&) = delete;

  [[nodiscard]] std::span<const NumberRow> rows() const { return rows_; }
  [[nodiscard]] bool was_read() const { return mapped_ == nullptr; }

private:
  std::vector<NumberRow> own_;
  void* mapped_ = nullptr;
  std::size_t bytes_ = 0;
  std::span<const NumberRow> rows_;
};

class RowCache {
public:
  using Read = std::function<std::vector<NumberRow>()>;

  /// `folder`: none, and everything is read. Files of less than `least_bytes` are read as fast.
  /// A file changed less than `settled_after` ns ago is not kept: changed again within a tick of
  /// its file system's clock it would look as before.
  explicit RowCache(std::optional<std::filesystem::path> folder,
                    std::uint64_t least_bytes = std::uint64_t{128} * 1024,
                    std::int64_t settled_after = 2'000'000'000);
  /// As the environment has it.
  [[nodiscard]] static const RowCache& of_user();

  /// The rows of `file`, by `read` where there are none. `variant`: a digest of what they depend on
  /// besides. Throws what `read` throws; what it refuses is not kept.
  [[nodiscard]] RowList rows(const std::filesystem::path& file, RowTable table,
                             std::uint64_t variant, const Read& read) const;
  /// Where they are kept.
  [[nodiscard]] std::filesystem::path place(const std::filesystem::path& file,
                                            RowTable table) const;

private:
  [[nodiscard]] bool settled(const FileState& state) const;

  std::optional<std::filesystem::path> folder_;
  std::uint64_t least_bytes_;
  std::int64_t settled_after_;
};

}  // namespace lockstep
