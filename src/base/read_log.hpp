// Which files are read. Readers note every file that they open; whoever wants to know, to say what
// a result was made from, keeps a ReadLog. Without one a note is nothing.
#pragma once

#include <cstdint>
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
  ReadLog() : ReadLog(Threads::this_one) {}
  enum class Threads : std::uint8_t { this_one, all };
  /// Of all threads: hears of what they read besides, whatever logs they keep; one in a process.
  explicit ReadLog(Threads threads);
  ~ReadLog();
  ReadLog(const ReadLog&) = delete;
  ReadLog& operator=(const ReadLog&) = delete;

  /// For readers, before they open a file.
  static void note(const std::filesystem::path& file, std::string_view role);

  /// What the log of all threads has heard; nothing without one.
  [[nodiscard]] static std::vector<File> heard_by_all();

  /// Each once, in the order of the first reading; of all threads, by path. For the latter to be
  /// whole, the threads must have ended or wait.
  [[nodiscard]] const std::vector<File>& files() const { return files_; }

private:
  void add(const std::filesystem::path& file, std::string_view role);

  std::vector<File> files_;
  Threads threads_;
  ReadLog* outer_ = nullptr;
};

}  // namespace lockstep
