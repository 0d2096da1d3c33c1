// Lines of a text file, read in large blocks with bounded memory: a file of any size, a pipe, and
// lines far longer than a block all work. Behind every line lie kPadding readable bytes, so that a
// vectorised parser may overrun the line's end without a copy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

namespace lockstep {

class LineReader {
public:
  static constexpr std::size_t kPadding = 64;
  static constexpr std::size_t kBlock = std::size_t{1} << 18;
  /// More is no line of a workload but a file of another kind, and would be held in memory.
  static constexpr std::size_t kLongestLine = std::size_t{1} << 30;

  /// Throws UserError when the file is missing or no readable file.
  explicit LineReader(std::filesystem::path file, std::size_t longest_line = kLongestLine);

  /// The next line without its '\n'; nothing at the end. The view lives until the next call.
  /// Throws UserError when reading fails or the line is too long.
  [[nodiscard]] std::optional<std::string_view> next();
  /// 1-based number of the line that next() gave last.
  [[nodiscard]] std::int64_t line_number() const { return line_number_; }

private:
  bool fill();

  std::filesystem::path file_;
  std::size_t longest_line_;
  std::ifstream stream_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  ///< first byte not handed out yet
  std::size_t end_ = 0;    ///< end of the bytes read
  std::int64_t line_number_ = 0;
};

}  // namespace lockstep
