#include "sweep/slurm_script.hpp"

#include <fmt/format.h>

namespace lockstep {

std::string shell_quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? "'\\''" : std::string(1, c);
  }
  return quoted + "'";
}

std::string slurm_script(const SlurmArray& array) {
  const std::string program = shell_quoted(array.program);
  const std::string arguments =
      fmt::format("{} --output {}{}", shell_quoted(array.spec), shell_quoted(array.output),
                  array.strict ? " --strict" : "");
  return fmt::format(
      "#!/bin/bash\n"
      "# One task a share; submit with sbatch in the folder that the paths below start from.\n"
      "# When all are done:  {0} sweep merge {1}\n"
      "# A task that was killed goes on where it was when it is submitted again "
      "(--array=ITS_NUMBER).\n"
      "#SBATCH --job-name=lockstep-sweep\n"
      "#SBATCH --array=1-{2}\n"
      "#SBATCH --ntasks=1\n"
      "set -eu\n"
      "exec {0} sweep {1} --share \"$SLURM_ARRAY_TASK_ID/{2}\" "
      "--jobs \"${{SLURM_CPUS_PER_TASK:-1}}\"\n",
      program, arguments, array.shares);
}

}  // namespace lockstep
