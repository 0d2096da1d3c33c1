// A CSV file read whole, row by row, with columns addressed by header name. Accepts LF and CRLF,
// a byte-order mark, blank lines and quoted fields without embedded quotes. Every complaint names
// file and line.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

class CsvFile {
public:
  /// Reads the file and its header. Throws UserError when it cannot be read or is empty.
  explicit CsvFile(const std::filesystem::path& file);
  /// The same from its text; `file` is only named in complaints.
  CsvFile(std::filesystem::path file, std::string content);
  CsvFile(const CsvFile&) = delete;
  CsvFile& operator=(const CsvFile&) = delete;

  /// Index of a column. Throws UserError when the header lacks it.
  [[nodiscard]] std::size_t column(std::string_view name) const;
  [[nodiscard]] std::optional<std::size_t> find_column(std::string_view name) const;

  /// Moves to the next row; false at the end. Throws UserError on a row of the wrong width.
  bool next_row();
  [[nodiscard]] std::string_view text(std::size_t column) const { return fields_[column]; }
  /// A key of a grid: an integer from 0 to 10^9.
  [[nodiscard]] std::int64_t key(std::size_t column) const;
  /// A finite number.
  [[nodiscard]] double number(std::size_t column) const;
  /// A time in microseconds as whole nanoseconds: product in double, half to even, at least 1.
  [[nodiscard]] double nanos_of_micros(std::size_t column) const;
  /// About how many rows there are, for reserving.
  [[nodiscard]] std::size_t row_estimate() const;

  [[noreturn]] void refuse(const std::string& problem, const std::string& mend) const;

private:
  bool read_line();
  void split(std::string_view line);

  std::filesystem::path file_;
  std::string content_;
  std::size_t position_ = 0;
  std::int64_t line_ = 0;
  std::vector<std::string> header_;
  std::vector<std::string_view> fields_;
};

}  // namespace lockstep
