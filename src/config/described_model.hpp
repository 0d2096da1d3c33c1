// Instances whose steps are put together operation by operation: which ones, from what description,
// and what they cannot do.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "config/cluster.hpp"
#include "config/json_view.hpp"

namespace lockstep {

class DescribedModels {
public:
  /// Both must outlive it.
  DescribedModels(const RunOptions& options, const SearchPaths& paths);

  /// Null: the model `name` is run layer by layer, or its file is not found. Throws UserError for
  /// a config that cannot be read.
  [[nodiscard]] std::shared_ptr<const ModelDescription> find(const JsonView& instance,
                                                             const std::string& name);

private:
  using Key = std::tuple<std::string, std::string, std::string>;

  const RunOptions& options_;
  const SearchPaths& paths_;
  std::map<Key, std::shared_ptr<const ModelDescription>> known_;
};

/// Number formats, and a prefix cache only where every layer can have one. To be called when the
/// instance's settings are read.
void settle_described(Instance& instance, std::vector<std::string>& warnings);

/// Throws UserError for an instance that asks for what described models are not simulated with.
void check_described(const Cluster& cluster, const std::vector<JsonView>& instances,
                     const RunOptions& options);

}  // namespace lockstep
