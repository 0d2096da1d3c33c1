// What identifies a configuration's result: everything that the spec and the files it names say of
// the run. Two configurations with the same key have the same result, so that a sweep that is
// resumed or extended takes over what it has.
//
// Bundles of kernel times and model files are not looked into: after changing them, restart.
#pragma once

#include <map>
#include <string>

#include "sweep/run_description.hpp"
#include "sweep/service_level.hpp"
#include "sweep/sweep_spec.hpp"

namespace lockstep {

class ConfigKeys {
public:
  /// `version` is the program's.
  ConfigKeys(const SweepSpec& spec, std::string version);

  /// 32 hexadecimal digits.
  [[nodiscard]] std::string key(const Settings& settings);

private:
  const std::string& content_of(const std::string& file);

  const SweepSpec& spec_;
  std::string prefix_;
  std::map<std::string, std::string> contents_;  ///< digests by file
};

}  // namespace lockstep
