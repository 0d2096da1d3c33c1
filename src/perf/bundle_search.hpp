// Finding the folder of a measured bundle, and telling what is there instead when it is not found.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace lockstep {

/// What identifies a bundle, and the degree needed of it.
struct BundleName {
  std::string hardware;
  std::string model;  ///< "<owner>/<model>"
  std::string variant;
  std::int64_t tp = 1;

  [[nodiscard]] std::filesystem::path folder() const {
    return std::filesystem::path(hardware) / model / variant;
  }
};

/// The first root's folder of that name that has the degree.
[[nodiscard]] std::optional<std::filesystem::path> find_bundle(
    const std::vector<std::filesystem::path>& roots, const BundleName& name);

/// Why find_bundle found nothing: the part that is missing, and what is present instead.
struct BundleMiss {
  std::string problem;  ///< "no tp4 in <folder>", "no variant fp32 under <folder>", ...
  std::string present;  ///< "present: tp1, tp2"; empty when there is nothing to name
};
[[nodiscard]] BundleMiss explain_miss(const std::vector<std::filesystem::path>& roots,
                                      const BundleName& name);

}  // namespace lockstep
