// Finds and reads model descriptions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "model/description/model_description.hpp"

namespace lockstep {

/// The config.json of a model: `model` is a file, a folder that holds one, or a name that is looked
/// up as <dir>/<name>.json. Throws UserError listing the places looked at.
[[nodiscard]] std::filesystem::path find_config_file(const std::vector<std::filesystem::path>& dirs,
                                                     const std::string& model);

/// Reads a config.json, and the quantisation beside it: hf_quant_config.json, or X.quant.json
/// beside X.json. Throws UserError naming file and field for what is missing or not known.
[[nodiscard]] ModelDescription read_description(const std::filesystem::path& file, std::string name,
                                                const DescriptionOptions& options = {});

/// Both.
[[nodiscard]] ModelDescription find_description(const std::vector<std::filesystem::path>& dirs,
                                                const std::string& model,
                                                const DescriptionOptions& options = {});

/// What a config.json says at first sight, without the rest being read or checked.
struct CheckpointKind {
  std::string model_type;  ///< of the language part; empty: no family reads this file
  bool quantised = false;  ///< the checkpoint says how its weights are quantised
};
/// Never throws for what the file holds.
[[nodiscard]] CheckpointKind checkpoint_kind(const std::filesystem::path& file);

/// Family and the model_types that it reads, for people.
struct ListedFamily {
  std::string name;
  std::vector<std::string> model_types;
};
[[nodiscard]] std::vector<ListedFamily> list_families();

}  // namespace lockstep
