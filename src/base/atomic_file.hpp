// A file that appears whole or not at all: written beside its place, renamed into it by commit(),
// removed by the destructor otherwise. Missing folders are made. What is no regular file (a pipe,
// a terminal) is written directly.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace lockstep {

class AtomicFile {
public:
  /// Throws UserError when the place cannot be written.
  explicit AtomicFile(std::filesystem::path file);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends; keeps at most about a megabyte back. Throws UserError when the disk refuses.
  void write(std::string_view text);
  /// Another place in the same folder than the one planned; without effect on what is written
  /// directly. Before commit().
  void move_to(std::filesystem::path file);
  [[nodiscard]] const std::filesystem::path& path() const { return file_; }
  /// Flushes and puts the file in its place. Throws UserError.
  void commit();

private:
  void flush();
  void check_written() const;
  [[noreturn]] void fail(std::string_view problem) const;

  std::filesystem::path file_;
  std::filesystem::path temporary_;  ///< equal to file_ when written directly
  std::ofstream stream_;
  std::string pending_;
  bool done_ = false;
};

}  // namespace lockstep
