#include "perf/tables/table_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/atomic_file.hpp"
#include "base/error.hpp"
#include "perf/data_dirs.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

fs::path default_root() {
  return user_cache_dir().value_or(fs::path(".") / ".cache" / "lockstep") / "kernel-times";
}

bool changed(const TableOrigin& origin) {
  std::error_code failed;
  const auto bytes = fs::file_size(origin.source, failed);
  if (failed) {
    return false;  // the source is gone: what was made from it stays good
  }
  return static_cast<std::int64_t>(bytes) != origin.source_bytes ||
         fs::last_write_time(origin.source, failed).time_since_epoch().count() !=
             origin.source_time;
}

}  // namespace

TableStore::TableStore(const std::optional<fs::path>& root)
    : root_(root ? *root : default_root()) {}

std::vector<ListedTable> TableStore::list() const {
  std::vector<ListedTable> tables;
  std::error_code failed;
  for (const auto& gpu : fs::directory_iterator(root_, failed)) {
    for (const auto& version : fs::directory_iterator(gpu.path(), failed)) {
      for (const auto& file : fs::directory_iterator(version.path(), failed)) {
        if (file.path().extension() != ".table") {
          continue;
        }
        auto origin = OperationTable::peek(file.path());
        if (!origin) {
          throw UserError("this kernel-time table is damaged (its beginning cannot be read)",
                          Where{file.path().string(), 0, {}},
                          "remove it and import its source again: lockstep perf import");
        }
        tables.push_back({file.path(), *origin});
      }
    }
  }
  std::sort(tables.begin(), tables.end(), [](const ListedTable& a, const ListedTable& b) {
    return std::tie(a.origin.gpu, a.origin.engine, a.origin.version, a.origin.operation) <
           std::tie(b.origin.gpu, b.origin.engine, b.origin.version, b.origin.operation);
  });
  return tables;
}

ListedTable TableStore::import(const TableSource& source) const {
  ReadTable table = read_table(source);
  const fs::path file = root_ / source.gpu / fmt::format("{}-{}", source.engine, source.version) /
                        fmt::format("{}.table", table_schema(source.operation).name);
  AtomicFile out(file);
  out.write(encode_table(table.origin, std::move(table.rows)));
  out.commit();
  return {file, table.origin};
}

std::shared_ptr<const OperationTable> TableStore::open(const ListedTable& table) const {
  if (changed(table.origin)) {
    const TableOrigin& origin = table.origin;
    static_cast<void>(
        import({origin.source, origin.gpu, origin.engine, origin.version, origin.operation}));
  }
  return std::make_shared<const OperationTable>(table.file);
}

}  // namespace lockstep
