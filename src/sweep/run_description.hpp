// One run as data: cluster file with changes, flags, workload. What a sweep enumerates and a plan
// searches over. A base (from a spec file) plus settings gives a description.
//
// A setting's name says what it changes:
//   cluster            the cluster file            cluster.PATH   a value in it (cluster_edit.hpp)
//   copies.PATH        how many copies of a list element           flag.NAME   a flag of `run`
//   workload           the whole workload          workload.KEY   one key of it
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/json_view.hpp"
#include "config/run_flags.hpp"
#include "workload/workload_recipe.hpp"

namespace lockstep {

struct Setting {
  std::string name;
  nlohmann::ordered_json value;
};
using Settings = std::vector<Setting>;

struct RunDescription {
  std::string cluster_file;
  std::vector<Setting> cluster_edits;  ///< cluster.PATH and copies.PATH, in the order given
  ParsedFlags flags;                   ///< without dataset
  WorkloadRecipe workload;
};

/// A settings base: a mapping with `cluster` (text), `flags` (mapping) and `workload` (text or
/// mapping); other keys are the caller's. Throws UserError for what is wrong in it.
void check_base(const JsonDocument& base);

/// Throws UserError for a name of no known form, with its place; `document` and `path` say where
/// the name was written.
void check_setting_name(const std::string& name, const JsonView& place);

/// The base with the settings, in their order. Throws UserError for values that nothing can take;
/// the cluster's changes are checked when it is made.
[[nodiscard]] RunDescription describe_run(const JsonDocument& base, const Settings& settings);

/// "flag.max-num-seqs=64 workload.rate=5"
[[nodiscard]] std::string settings_text(const Settings& settings);

}  // namespace lockstep
