// The command that this process carries out, and what it reads: so that its outputs can say what
// they were made from (report/provenance.hpp). `run` keeps its own, with the run's figures.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/read_log.hpp"
#include "report/provenance.hpp"

namespace lockstep {

class CommandRecord {
public:
  /// `args` begin with the subcommand. One in a process; hears of what all threads read.
  explicit CommandRecord(std::vector<std::string> args);
  ~CommandRecord();
  CommandRecord(const CommandRecord&) = delete;
  CommandRecord& operator=(const CommandRecord&) = delete;

  /// What only the command knows of its result.
  struct Facts {
    std::string fidelity;    ///< empty: nothing was simulated, or it varies from row to row
    std::uint32_t seed = 0;  ///< of its random draws
    bool partial = false;
    std::vector<std::string> more{};  ///< arguments that say what was asked for instead of given
  };
  /// Writes NAME.provenance.json beside a file that is complete; beside a pipe or device nothing.
  static void write_beside(const std::filesystem::path& result, const Facts& facts);
  /// The same into a file of its own, for an output of many files.
  static void write_to(const std::filesystem::path& file, const Facts& facts);
  /// The same in a few lines, for what is only printed. Empty outside a command.
  [[nodiscard]] static std::string in_words(const Facts& facts);

private:
  Provenance made(const Facts& facts) const;

  std::vector<std::string> args_;
  ReadLog read_{ReadLog::Threads::all};
};

/// The option that names what a command writes: --output, of `validate` --summary or with --points
/// --csv, of `perf show` --svg.
[[nodiscard]] std::string output_option(const std::vector<std::string>& args);
/// The arguments without that and its value.
[[nodiscard]] std::vector<std::string> without_output(std::vector<std::string> args);

}  // namespace lockstep
