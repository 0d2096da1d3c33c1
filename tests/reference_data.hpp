// Where the conformance data lies; tests that need it skip with one clear line without it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

namespace lockstep::testing {

inline std::filesystem::path source_dir() {
  return LOCKSTEP_SOURCE_DIR;
}

/// $LOCKSTEP_REFERENCE, else ../shared/reference beside the source tree; nothing when absent.
inline std::optional<std::filesystem::path> reference_dir() {
  const char* given = std::getenv("LOCKSTEP_REFERENCE");
  const std::filesystem::path dir = given != nullptr
                                        ? std::filesystem::path(given)
                                        : source_dir().parent_path() / "shared" / "reference";
  if (std::filesystem::is_directory(dir)) {
    return dir;
  }
  return std::nullopt;
}

/// $LOCKSTEP_SHARED/<name>, else ../shared/<name> beside the source tree; nothing when absent.
inline std::optional<std::filesystem::path> shared_dir(const std::string& name) {
  const char* given = std::getenv("LOCKSTEP_SHARED");
  const std::filesystem::path dir =
      (given != nullptr ? std::filesystem::path(given) : source_dir().parent_path() / "shared") /
      name;
  return std::filesystem::is_directory(dir) ? std::optional(dir) : std::nullopt;
}

}  // namespace lockstep::testing

/// Binds `name` to the data folder or skips the test.
#define LOCKSTEP_REQUIRE_REFERENCE(name)                                              \
  const auto name##_found = ::lockstep::testing::reference_dir();                     \
  if (!name##_found) {                                                                \
    GTEST_SKIP() << "reference data is not on this machine (set LOCKSTEP_REFERENCE)"; \
  }                                                                                   \
  const std::filesystem::path& name = *name##_found

/// Binds `variable` to another folder of shared data or skips the test.
#define LOCKSTEP_REQUIRE_SHARED(variable, name)                              \
  const auto variable##_found = ::lockstep::testing::shared_dir(name);       \
  if (!variable##_found) {                                                   \
    GTEST_SKIP() << name << " is not on this machine (set LOCKSTEP_SHARED)"; \
  }                                                                          \
  const std::filesystem::path& variable = *variable##_found
