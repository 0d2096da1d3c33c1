// A job script for sites that run sweeps as a job array.
#pragma once

#include <cstdint>
#include <string>

namespace lockstep {

struct SlurmArray {
  std::int64_t shares = 1;
  std::string program;  ///< the command that is `lockstep`
  std::string spec;
  std::string output;  ///< as --output
  bool strict = false;
};

/// To be handed to sbatch in the folder that the sweep is started from; it names the command that
/// merges the shares afterwards.
[[nodiscard]] std::string slurm_script(const SlurmArray& array);

/// In single quotes, for a POSIX shell.
[[nodiscard]] std::string shell_quoted(const std::string& text);

}  // namespace lockstep
