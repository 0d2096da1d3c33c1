// What a result was made from and by what, so that it can be made again: `lockstep rerun`. Result
// files have it beside them, NAME.provenance.json; run files, reports, summaries and traces within.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/read_log.hpp"

namespace lockstep {

/// XXH3 with 128 bits as `xxh128sum` prints it. Not against ill will.
[[nodiscard]] std::string bytes_digest(std::string_view bytes);

struct FileFingerprint {
  std::string role;  ///< "cluster", "workload", "model", "kernel times", ...
  std::string path;  ///< absolute
  std::int64_t bytes = 0;
  std::string xxh128;  ///< empty: no regular file (a pipe), so that it cannot be read again
};

/// Throws UserError for a regular file that cannot be read.
[[nodiscard]] FileFingerprint fingerprint_of(const std::filesystem::path& file, std::string role);

struct Provenance {
  std::string version, commit, fidelity;
  std::uint32_t seed = 0;                        ///< of every random choice within the run
  std::vector<std::string> kernel_time_sources;  ///< one line a source
  /// Arguments of `lockstep`, without where outputs go; empty: not made by a command.
  std::vector<std::string> command;
  std::string working_directory;
  std::map<std::string, std::string> environment;  ///< of the variables that lookups follow
  std::vector<FileFingerprint> inputs;
  FileFingerprint result;  ///< of the result file; its path is empty where none was written
  bool partial = false;    ///< the run was stopped before its end

  [[nodiscard]] bool empty() const { return version.empty(); }
};

/// Folder and environment of this process, and what was read.
[[nodiscard]] Provenance provenance_here(const ReadLog& log);

[[nodiscard]] nlohmann::ordered_json provenance_json(const Provenance& provenance);
/// With its line end.
[[nodiscard]] std::string provenance_text(const Provenance& provenance);
/// `json` is one, or a run file or summary that holds one. Throws UserError with the place in
/// `file`.
[[nodiscard]] Provenance read_provenance(const nlohmann::ordered_json& json,
                                         const std::string& file);

/// The file beside a result file.
[[nodiscard]] std::filesystem::path provenance_file(const std::filesystem::path& result);

}  // namespace lockstep
