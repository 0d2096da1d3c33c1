// The model configs of the source tree.
#pragma once

#include <map>
#include <string>

#include "model/model_config.hpp"
#include "reference_data.hpp"

namespace lockstep::testing {

inline const ModelConfig& shipped_model(const std::string& name) {
  static std::map<std::string, ModelConfig> cache;
  const auto found = cache.find(name);
  if (found != cache.end()) {
    return found->second;
  }
  return cache.emplace(name, find_model_config({source_dir() / "configs" / "model"}, name))
      .first->second;
}

}  // namespace lockstep::testing
