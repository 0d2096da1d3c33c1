// Rows of a small CSV file without quoting, by column name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace lockstep::testing {

class CsvRow {
public:
  explicit CsvRow(std::map<std::string, std::string> cells) : cells_(std::move(cells)) {}
  [[nodiscard]] const std::string& text(const std::string& column) const {
    return cells_.at(column);
  }
  [[nodiscard]] std::int64_t integer(const std::string& column) const {
    return std::stoll(text(column));
  }
  [[nodiscard]] std::vector<std::int64_t> integers(const std::string& column) const {
    std::istringstream stream(text(column));
    std::vector<std::int64_t> values;
    for (std::int64_t value = 0; stream >> value;) {
      values.push_back(value);
    }
    return values;
  }

private:
  std::map<std::string, std::string> cells_;
};

inline std::vector<std::string> split_commas(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
  for (std::string cell; std::getline(stream, cell, ',');) {
    cells.push_back(cell);
  }
  return cells;
}

inline std::vector<CsvRow> read_csv(const std::filesystem::path& file) {
  std::ifstream stream(file);
  std::string line;
  if (!std::getline(stream, line)) {
    throw std::runtime_error("cannot read " + file.string());
  }
  const std::vector<std::string> header = split_commas(line);
  std::vector<CsvRow> rows;
  while (std::getline(stream, line)) {
    const std::vector<std::string> cells = split_commas(line);
    std::map<std::string, std::string> row;
    for (std::size_t i = 0; i < header.size(); ++i) {
      row[header[i]] = i < cells.size() ? cells[i] : "";
    }
    rows.emplace_back(std::move(row));
  }
  return rows;
}

}  // namespace lockstep::testing
