// A random small cluster with a random small workload, as the files and flags that a user would
// write: every path of the comparison begins with the same bytes.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace lockstep::testing {

struct Case {
  std::string cluster;             ///< JSON
  std::string workload;            ///< JSON lines
  std::vector<std::string> flags;  ///< of `lockstep run`, without files
  std::set<std::string> kinds;     ///< what is in it, for the tally
};

/// Only within a RapidCheck property, which shrinks what is drawn here.
[[nodiscard]] Case random_case();

/// Writes cluster.json, workload.jsonl, the models and run.sh, which runs the case.
void write_case(const Case& written, const std::filesystem::path& folder);

}  // namespace lockstep::testing
