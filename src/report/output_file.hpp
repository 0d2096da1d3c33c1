// A file that is there complete or not at all: written beside its place and then moved into it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace lockstep {

class OutputFile {
public:
  /// Checks that the file can be written, before the run that fills it; changes nothing yet.
  /// Throws UserError.
  explicit OutputFile(const std::filesystem::path& path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Makes missing folders and replaces the file by `bytes`. What was there stays as it is when
  /// this throws (UserError: full disk, folder gone). Devices and pipes are written directly.
  void commit(std::string_view bytes) const;

  /// False: a device or pipe, beside which no further file belongs.
  [[nodiscard]] bool is_file() const { return is_file_; }
  /// Results of a run that was stopped go beside the place of whole ones: run.partial.csv.
  void become_partial();

private:
  std::filesystem::path path_;  ///< absolute, links followed
  bool is_file_ = true;
};

/// run.csv: run.partial.csv. For what is no whole result.
[[nodiscard]] std::filesystem::path partial_path(const std::filesystem::path& path);

/// `path` with every literal {run_id} replaced.
[[nodiscard]] std::string with_run_id(std::string path, std::string_view run_id);

}  // namespace lockstep
