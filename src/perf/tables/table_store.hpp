// The user's store of measured tables: <store>/<gpu>/<engine>-<version>/<operation>.table, each
// made from one file, checked and ready to be mapped. A table whose source has changed since is
// made anew when it is asked for; one that is damaged is refused. Files appear whole or not at
// all, so several programs may share a store.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "perf/tables/operation_table.hpp"
#include "perf/tables/table_sources.hpp"

namespace lockstep {

struct ListedTable {
  std::filesystem::path file;
  TableOrigin origin;
};

class TableStore {
public:
  /// Default: $XDG_CACHE_HOME/lockstep/kernel-times, else ~/.cache/lockstep/kernel-times.
  explicit TableStore(const std::optional<std::filesystem::path>& root = std::nullopt);

  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  /// By GPU, engine, version, operation.
  [[nodiscard]] std::vector<ListedTable> list() const;
  /// Reads a source and puts its table into the store. Throws UserError on a file that is no
  /// such table; the store is then as before.
  [[nodiscard]] ListedTable import(const TableSource& source) const;
  /// A table of the list, made anew first when its source has changed or its format is old.
  [[nodiscard]] std::shared_ptr<const OperationTable> open(const ListedTable& table) const;
  /// Where layer bundles are kept, in their own layout.
  [[nodiscard]] std::filesystem::path bundles() const { return root_ / "bundles"; }

private:
  std::filesystem::path root_;
};

/// The rows of a source as the store holds them.
struct ReadTable {
  TableOrigin origin;
  std::vector<TableRow> rows;
};
[[nodiscard]] ReadTable read_table(const TableSource& source);

}  // namespace lockstep
