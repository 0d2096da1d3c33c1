// Which measured tables lie under a folder. Two layouts are known:
//   <gpu>/<engine>-<version>/<operation>.csv[.zst], with a manifest.json above it that holds the
//   columns that are the same in all rows (times in `time_us`), and
//   <gpu>/[<family>/]<engine>/<version>/<operation>_perf.{parquet,csv,txt} as AIConfigurator keeps
//   them (times in `latency`, milliseconds).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "perf/tables/table_schema.hpp"

namespace lockstep {

struct TableSource {
  std::filesystem::path file;
  std::string gpu;
  std::string engine;
  std::string version;
  MeasuredOperation operation = MeasuredOperation::gemm;
};

struct FoundSources {
  std::vector<TableSource> tables;             ///< by path
  std::vector<std::filesystem::path> bundles;  ///< folders of layer bundles (they hold meta.yaml)
  /// Files that look like tables but are not read, with the reason.
  std::vector<std::string> passed_over;
};

/// Files and folders (searched whole). Throws UserError for one that does not exist.
[[nodiscard]] FoundSources find_table_sources(const std::vector<std::filesystem::path>& places);

/// What a file's place says it is; nothing when it lies in neither layout.
[[nodiscard]] std::optional<TableSource> table_source_of(const std::filesystem::path& file);

/// The constants of a table from the manifest.json above it, by column; empty without one.
[[nodiscard]] std::map<std::string, std::string> manifest_constants(const TableSource& source);

}  // namespace lockstep
