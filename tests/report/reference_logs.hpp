// Console logs of the reference and the result files that belong to them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "requests_from_csv.hpp"

namespace lockstep::testing {

/// Text without escape sequences ESC [ ... m.
inline std::string without_escapes(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      i = text.find('m', i);
    } else {
      plain += text[i];
    }
  }
  return plain;
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// A log line by line, as it is and without colours.
struct ReferenceLog {
  explicit ReferenceLog(const std::filesystem::path& file) {
    const std::string bytes = read_bytes(file);
    coloured = bytes.find('\x1b') != std::string::npos;
    raw = lines_of(bytes);
    plain = lines_of(without_escapes(bytes));
  }
  /// Index of the first line from `from` on that contains `text`; the number of lines when none.
  [[nodiscard]] std::size_t find(std::string_view text, std::size_t from = 0) const {
    while (from < plain.size() && plain[from].find(text) == std::string::npos) {
      ++from;
    }
    return std::min(from, plain.size());
  }
  /// Raw lines [begin, end), each with its line end.
  [[nodiscard]] std::string text(std::size_t begin, std::size_t end) const {
    std::string joined;
    for (std::size_t i = begin; i < std::min(end, raw.size()); ++i) {
      joined += raw[i] + '\n';
    }
    return joined;
  }

  std::vector<std::string> raw;
  std::vector<std::string> plain;
  bool coloured = false;
};

/// All console logs, in path order.
inline std::vector<std::filesystem::path> all_logs(const std::filesystem::path& reference) {
  std::vector<std::filesystem::path> logs;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(reference)) {
    if (entry.path().extension() == ".log") {
      logs.push_back(entry.path());
    }
  }
  std::sort(logs.begin(), logs.end());
  return logs;
}

/// The result file of the run that `log` is of.
inline std::optional<std::filesystem::path> csv_of(const std::filesystem::path& log,
                                                   const std::filesystem::path& reference) {
  for (auto candidate : {std::filesystem::path(log).replace_extension(".csv"),
                         reference / "outputs" / (log.stem().string() + ".csv")}) {
    if (std::filesystem::exists(candidate)) {
      return candidate;
    }
  }
  return std::nullopt;
}

}  // namespace lockstep::testing
