#include "perf/csv_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/numeric.hpp"
#include "base/read_log.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kLargestKey = 1'000'000'000;  // squares of differences stay in 64 bits
constexpr double kLargestMicros = 1.0e12;            // eleven days; nanoseconds stay exact

std::string read_whole(const std::filesystem::path& file) {
  ReadLog::note(file, "kernel times");
  const auto close = [](std::FILE* stream) { std::fclose(stream); };
  const std::unique_ptr<std::FILE, decltype(close)> stream(std::fopen(file.c_str(), "rb"), close);
  std::error_code failed;
  const auto size = std::filesystem::file_size(file, failed);
  if (!stream || failed) {
    throw UserError("cannot read this file", Where{file.string(), 0, {}},
                    "check that it exists and that you may read it");
  }
  std::string content(size, '\0');
  content.resize(std::fread(content.data(), 1, content.size(), stream.get()));
  return content;
}

std::string_view unquoted(std::string_view field) {
  if (field.size() >= 2 && field.front() == '"' && field.back() == '"') {
    return field.substr(1, field.size() - 2);
  }
  return field;
}

template <class Number>
bool parse_whole(std::string_view text, Number& value) {
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

}  // namespace

CsvFile::CsvFile(const std::filesystem::path& file) : CsvFile(file, read_whole(file)) {}

CsvFile::CsvFile(std::filesystem::path file, std::string content)
    : file_(std::move(file)), content_(std::move(content)) {
  if (content_.starts_with("\xEF\xBB\xBF")) {
    position_ = 3;
  }
  if (!read_line()) {
    refuse("the file is empty", "it needs a header line and one row per sample");
  }
  header_.assign(fields_.begin(), fields_.end());
}

std::optional<std::size_t> CsvFile::find_column(std::string_view name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found == header_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - header_.begin());
}

std::size_t CsvFile::column(std::string_view name) const {
  if (const auto found = find_column(name)) {
    return *found;
  }
  throw UserError(fmt::format("the header lacks the column '{}'", name),
                  Where{file_.string(), 1, {}},
                  fmt::format("columns found: {}", fmt::join(header_, ", ")));
}

bool CsvFile::next_row() {
  if (!read_line()) {
    return false;
  }
  if (fields_.size() != header_.size()) {
    refuse(fmt::format("this row has {} fields, the header {}", fields_.size(), header_.size()),
           "complete the row or remove it");
  }
  return true;
}

bool CsvFile::read_line() {
  while (position_ < content_.size()) {
    const std::size_t end = std::min(content_.find('\n', position_), content_.size());
    std::string_view line = std::string_view(content_).substr(position_, end - position_);
    position_ = end + 1;
    ++line_;
    if (line.ends_with('\r')) {
      line.remove_suffix(1);
    }
    if (!line.empty()) {
      split(line);
      return true;
    }
  }
  return false;
}

void CsvFile::split(std::string_view line) {
  fields_.clear();
  std::size_t begin = 0;
  while (true) {
    std::size_t from = begin;
    if (begin < line.size() && line[begin] == '"') {
      from = std::min(line.find('"', begin + 1), line.size());
    }
    const std::size_t end = std::min(line.find(',', from), line.size());
    fields_.push_back(unquoted(line.substr(begin, end - begin)));
    if (end == line.size()) {
      return;
    }
    begin = end + 1;
  }
}

std::int64_t CsvFile::key(std::size_t column) const {
  std::int64_t value = 0;
  if (!parse_whole(text(column), value) || value < 0 || value > kLargestKey) {
    refuse(fmt::format("{} must be an integer from 0 to {}, not '{}'", header_[column], kLargestKey,
                       text(column)),
           "correct the row or remove it");
  }
  return value;
}

double CsvFile::number(std::size_t column) const {
  double value = 0;
  if (!parse_whole(text(column), value) || !std::isfinite(value)) {
    refuse(fmt::format("{} must be a finite number, not '{}'", header_[column], text(column)),
           "correct the row or remove it");
  }
  return value;
}

double CsvFile::nanos_of_micros(std::size_t column) const {
  const double micros = number(column);
  if (micros < 0 || micros > kLargestMicros) {
    refuse(fmt::format("{} must be a time in microseconds from 0 to {}, not '{}'", header_[column],
                       kLargestMicros, text(column)),
           "measure the sample again or remove the row");
  }
  return static_cast<double>(std::max<std::int64_t>(1, round_half_even(micros * 1000.0)));
}

std::size_t CsvFile::row_estimate() const {
  return content_.size() / 16;
}

void CsvFile::refuse(const std::string& problem, const std::string& mend) const {
  throw UserError(problem, Where{file_.string(), line_, {}}, mend);
}

}  // namespace lockstep
