// A layer bundle copied into a folder of bundles, once all its tables were read without complaint.
#pragma once

#include <filesystem>

namespace lockstep {

/// `bundle` is <hardware>/<owner>/<model>/<variant> with meta.yaml; returns its place under
/// `root`. An earlier copy is replaced whole. Throws UserError when a table cannot be read; `root`
/// is then as before.
std::filesystem::path import_bundle(const std::filesystem::path& bundle,
                                    const std::filesystem::path& root);

}  // namespace lockstep
