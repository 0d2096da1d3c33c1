// Which files are read. Readers note every file that they open; whoever wants to know, to say what
// a result was made from, keeps a ReadLog. Without one a note is nothing.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

class ReadLog {
public:
  struct File {
    std::filesystem::path path;  ///< as it was opened
    std::string role;            ///< "cluster", "workload", "model", "kernel times", ...
  };

  /// Hears of what this thread reads until it is destroyed; the innermost log of a thread hears.
  ReadLog();
  ~ReadLog();
  ReadLog(const ReadLog&) = delete;
  ReadLog& operator=(const ReadLog&) = delete;

  /// For readers, before they open a file.
  static void note(const std::filesystem::path& file, std::string_view role);

  /// In the order of the first reading, each once.
  [[nodiscard]] const std::vector<File>& files() const { return files_; }

private:
  std::vector<File> files_;
  ReadLog* outer_;
};

}  // namespace lockstep
