#include "perf_tables_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "perf/bundle_import.hpp"
#include "perf/operations/operations.hpp"
#include "perf/tables/table_store.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

struct ImportFlags {
  std::vector<std::string> places;
  std::optional<std::string> store;
  bool quiet = false;
};

void import_all(const ImportFlags& flags) {
  const FoundSources found = find_table_sources({flags.places.begin(), flags.places.end()});
  if (found.tables.empty() && found.bundles.empty()) {
    throw UserError("no kernel-time table was found", Where{flags.places.front(), 0, {}},
                    found.passed_over.empty()
                        ? "give a folder with <gpu>/<engine>-<version>/<operation>.csv.zst, "
                          "AIConfigurator's systems/data, or layer bundles"
                        : found.passed_over.front());
  }
  const TableStore store(flags.store);
  std::int64_t left_out = 0;
  for (const TableSource& source : found.tables) {
    const ListedTable table = store.import(source);
    left_out += table.origin.rows_left_out;
    if (!flags.quiet) {
      fmt::print("{}\n", table.file.string());
    }
  }
  for (const fs::path& bundle : found.bundles) {
    const fs::path target = import_bundle(bundle, store.bundles());
    if (!flags.quiet) {
      fmt::print("{}\n", target.string());
    }
  }
  for (const std::string& passed : found.passed_over) {
    fmt::print("# passed over {}\n", passed);
  }
  fmt::print("# imported {} tables and {} layer bundles into {}", found.tables.size(),
             found.bundles.size(), store.root().string());
  fmt::print("{}\n", left_out == 0
                         ? ""
                         : fmt::format("; left out {} rows of kinds that are not known", left_out));
}

// "8 values 1..32768" of a key's distinct values; all of them when they are few.
std::string range_text(const std::vector<std::int64_t>& values) {
  if (values.size() <= 4) {
    return fmt::format("{}", fmt::join(values, ","));
  }
  return fmt::format("{}..{} ({})", values.front(), values.back(), values.size());
}

struct Part {
  std::size_t points = 0;
  std::vector<std::vector<std::int64_t>> values;  // by slice key, then the axis
};

// The table's parts by precision (one part where the operation has none).
std::map<std::int32_t, Part> parts_of(const OperationTable& table, bool by_precision) {
  std::map<std::int32_t, Part> parts;
  for (std::size_t slice = 0; slice < table.slice_count(); ++slice) {
    const auto keys = table.keys(slice);
    Part& part = parts[by_precision ? keys[0] : -1];
    part.values.resize(keys.size() + 1);
    const TableCurve curve = table.curve(slice);
    part.points += curve.axis.size();
    for (std::size_t key = 0; key < keys.size(); ++key) {
      part.values[key].push_back(keys[key]);
    }
    part.values.back().insert(part.values.back().end(), curve.axis.begin(), curve.axis.end());
  }
  for (auto& [precision, part] : parts) {
    for (auto& values : part.values) {
      std::sort(values.begin(), values.end());
      values.erase(std::unique(values.begin(), values.end()), values.end());
    }
  }
  return parts;
}

std::string table_listing(const OperationTable& table) {
  const TableSchema& schema = table_schema(table.origin().operation);
  const bool by_precision = schema.slice.front().rule == KeyRule::precision;
  std::string text;
  for (const auto& [precision, part] : parts_of(table, by_precision)) {
    text += fmt::format("  {:<22} {:<10} {:>7} points ", schema.name,
                        by_precision ? precision_name(static_cast<Precision>(precision)) : "",
                        part.points);
    for (std::size_t key = by_precision ? 1 : 0; key < schema.slice.size(); ++key) {
      text += fmt::format(" {} {};", schema.slice[key].name, range_text(part.values[key]));
    }
    text += fmt::format(" {} {}\n", schema.axis.name, range_text(part.values.back()));
  }
  return text;
}

}  // namespace

std::string store_listing(const std::optional<fs::path>& given) {
  const TableStore store(given);
  const auto tables = store.list();
  std::string text = fmt::format("Imported tables{}",
                                 tables.empty() ? ": none (lockstep perf import)\n"
                                                : fmt::format(" in {}:\n", store.root().string()));
  std::string last;
  for (const ListedTable& listed : tables) {
    const TableOrigin& origin = listed.origin;
    const std::string title = fmt::format("{} {} {}", origin.gpu, origin.engine, origin.version);
    if (title != last) {
      text += title + "\n";
      last = title;
    }
    text += table_listing(*store.open(listed));
  }
  return text;
}

void add_perf_import(CLI::App& parent, int& exit_code) {
  CLI::App* command = parent.add_subcommand(
      "import", "read measured tables (CSV, .csv.zst, Parquet) and layer bundles into the store");
  auto flags = std::make_shared<ImportFlags>();
  command->add_option("PLACE", flags->places, "files or folders")->required();
  command->add_option("--store", flags->store,
                      "the store's folder (default: lockstep/kernel-times in the user's cache)");
  command->add_flag("--quiet", flags->quiet, "print only the summary");
  command->callback([flags, &exit_code] {
    import_all(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
