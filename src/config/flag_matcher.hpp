// Which flag a word of the command line is, by exact name or unambiguous prefix.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/flag_table.hpp"

namespace lockstep {

/// Why a command line is refused. Does not leave the parser: its caller gets a value.
struct FlagRefused {
  std::string message;
};

/// What a word of the command line is, decided before any flag takes effect.
struct FlagWord {
  enum class Kind { value, separator, flag };
  Kind kind = Kind::value;
  FlagForm form;  ///< flag == nullptr: an unknown flag
  std::optional<std::string> attached;
};

class FlagMatcher {
public:
  FlagMatcher() : field_(flag_forms(field_flags())), own_(flag_forms(own_flags())) {}

  /// Throws FlagRefused for an ambiguous prefix.
  [[nodiscard]] FlagWord classify(const std::string& word) const;

  /// "did you mean --x?" for the first of the words that looks like a flag; may be empty.
  [[nodiscard]] std::string hint(const std::vector<std::string>& unknown) const;

private:
  [[nodiscard]] const FlagForm* exact(std::string_view word) const;
  [[nodiscard]] std::optional<FlagWord> by_prefix(const std::string& word) const;

  std::vector<FlagForm> field_;
  std::vector<FlagForm> own_;
};

}  // namespace lockstep
