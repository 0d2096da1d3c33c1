// Rows of a result file that come mixed but are written part by part: those of part 0 go straight
// into the file, the others wait in a second file until it is their turn.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.hpp"
#include "report/byte_digest.hpp"

namespace lockstep {

class RowSpill {
public:
  /// Begins `file`, with `header`. Throws UserError when it or a file beside it cannot be written.
  RowSpill(const std::filesystem::path& file, std::size_t parts, std::string_view header);
  ~RowSpill();
  RowSpill(const RowSpill&) = delete;
  RowSpill& operator=(const RowSpill&) = delete;

  void append(std::size_t part, std::string_view rows);
  /// Puts all parts behind each other and the file in its place, which may be another one than
  /// planned. Throws UserError.
  void commit(const std::filesystem::path& file);
  /// After commit().
  [[nodiscard]] std::int64_t bytes() const { return bytes_; }
  [[nodiscard]] std::string digest() const { return digest_.hex(); }

private:
  struct Block {
    std::int64_t offset = 0;
    std::size_t size = 0;
  };
  struct Part {
    std::string rows;  ///< not written yet
    std::vector<Block> blocks;
  };

  void write(std::string_view bytes);
  void spill(Part& part);
  void fetch(const Part& part);
  [[noreturn]] void fail(std::string_view problem) const;

  std::filesystem::path path_;
  AtomicFile file_;
  ByteDigest digest_;
  std::int64_t bytes_ = 0;
  std::vector<Part> parts_;
  std::size_t most_held_;  ///< bytes of a part
  int waiting_ = -1;       ///< file without a name; -1: not needed yet
  std::int64_t end_ = 0;   ///< of the waiting file
};

}  // namespace lockstep
