// A source's rows into the keys of its operation's schema.
#include <fmt/format.h>

#include <array>
#include <utility>

#include "base/error.hpp"
#include "perf/csv_file.hpp"
#include "perf/tables/table_store.hpp"
#include "perf/tables/table_text.hpp"

namespace lockstep {
namespace {

namespace fs = std::filesystem;

constexpr double kMostMicros = 1.0e9;  // a quarter of an hour for one operation

/// One of the file's columns, or a value that holds for all rows.
struct Column {
  std::optional<std::size_t> index;
  std::string constant;

  [[nodiscard]] std::string_view text(const CsvFile& csv) const {
    return index ? csv.text(*index) : std::string_view(constant);
  }
};

class Reader {
public:
  Reader(const TableSource& source, CsvFile& csv)
      : source_(source), csv_(csv), constants_(manifest_constants(source)) {
    const TableSchema& schema = table_schema(source.operation);
    for (const KeyColumn& key : schema.slice) {
      add(key);
    }
    add(schema.axis);
    micros_ = csv.find_column("time_us");
    if (!micros_) {
      micros_ = csv.column("latency");
      to_micros_ = 1000.0;
    }
    type_ = find(source.operation == MeasuredOperation::nccl ? "nccl_dtype" : "allreduce_dtype");
  }

  /// The present row, or nothing when it is of a kind that is not known.
  [[nodiscard]] std::optional<TableRow> row() const {
    KeyContext context{source_.version, 2};
    if (type_) {
      context.element_bytes = element_bytes_of(type_->text(csv_));
      if (context.element_bytes == 0) {
        return std::nullopt;
      }
    }
    TableRow row;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto key = table_key(columns_[i].first.rule, columns_[i].second.text(csv_), context);
      if (!key) {
        if (columns_[i].first.rule == KeyRule::number) {
          csv_.refuse(fmt::format("{} must be a whole number, not '{}'", columns_[i].first.column,
                                  columns_[i].second.text(csv_)),
                      "correct the row or remove it");
        }
        return std::nullopt;
      }
      if (i + 1 == columns_.size()) {
        row.axis = *key;
      } else {
        row.keys[i] = static_cast<std::int32_t>(std::min<std::int64_t>(*key, INT32_MAX));
      }
    }
    row.micros = static_cast<float>(micros());
    return row;
  }

private:
  [[nodiscard]] std::optional<Column> find(std::string_view name) const {
    if (const auto index = csv_.find_column(name)) {
      return Column{index, {}};
    }
    const auto constant = constants_.find(std::string(name));
    return constant == constants_.end() ? std::nullopt
                                        : std::optional(Column{std::nullopt, constant->second});
  }

  void add(const KeyColumn& key) {
    auto column = find(key.column);
    if (!column && key.absent >= 0) {
      column = Column{std::nullopt, std::to_string(key.absent)};
    }
    if (!column) {
      static_cast<void>(csv_.column(key.column));  // names the columns that there are
    }
    columns_.emplace_back(key, *column);
  }

  [[nodiscard]] double micros() const {
    const double value = csv_.number(*micros_) * to_micros_;
    if (value < 0 || value > kMostMicros) {
      csv_.refuse(fmt::format("a time of {} us", value), "measure it again or remove the row");
    }
    return std::max(value, 1e-3);  // floors of differences are 0: nothing takes no time
  }

  const TableSource& source_;
  CsvFile& csv_;
  std::map<std::string, std::string> constants_;
  std::vector<std::pair<KeyColumn, Column>> columns_;
  std::optional<std::size_t> micros_;
  double to_micros_ = 1.0;
  std::optional<Column> type_;
};

}  // namespace

ReadTable read_table(const TableSource& source) {
  ReadTable table;
  table.origin = {
      source.gpu, source.engine, source.version, source.operation, source.file.string(), 0, 0, 0};
  std::error_code failed;
  table.origin.source_bytes = static_cast<std::int64_t>(fs::file_size(source.file, failed));
  table.origin.source_time = fs::last_write_time(source.file, failed).time_since_epoch().count();
  CsvFile csv(source.file, read_table_text(source.file));
  const Reader reader(source, csv);
  table.rows.reserve(csv.row_estimate());
  while (csv.next_row()) {
    if (auto row = reader.row()) {
      table.rows.push_back(*row);
    } else {
      ++table.origin.rows_left_out;
    }
  }
  return table;
}

}  // namespace lockstep
