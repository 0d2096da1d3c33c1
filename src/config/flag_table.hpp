// All flags of a run: name, kind of value, help text and what setting them does.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/output_options.hpp"
#include "config/run_options.hpp"

namespace lockstep {

enum class FlagKind : std::uint8_t {
  help,
  text,
  integer,
  real,
  choice,
  pair,    ///< --x and --no-x
  toggle,  ///< --x only
};

enum class FlagGroup : std::uint8_t { input, batching, memory, routing, output, lockstep };

struct Flag {
  std::string_view name;  ///< with its dashes
  FlagKind kind = FlagKind::text;
  FlagGroup group = FlagGroup::input;
  std::string_view value;  ///< what the help calls the value
  std::string_view help;   ///< with unit and default
  std::vector<std::string_view> choices;
  /// Stores a text, integer or real that was parsed; a switch gets "1" or "0" as integer.
  std::function<void(RunOptions&, const std::string&, std::int64_t, double)> set;
  /// Instead of `set`, for what does not change the run: gets the text, or "" of a switch.
  std::function<void(OutputOptions&, const std::string&)> set_output{};

  [[nodiscard]] bool takes_value() const {
    return kind != FlagKind::help && kind != FlagKind::pair && kind != FlagKind::toggle;
  }
  /// How messages call it: "--x/--no-x", "-h/--help".
  [[nodiscard]] std::string display_name() const;
};

/// The field's flags (in the order that lists of candidates have), then Lockstep's own.
[[nodiscard]] std::span<const Flag> field_flags();
[[nodiscard]] std::span<const Flag> own_flags();

/// One way to write a flag: the flag and, for pairs, whether it is the positive form.
struct FlagForm {
  std::string name;
  const Flag* flag = nullptr;
  bool positive = true;
};
/// All spellings of the flags in table order.
[[nodiscard]] std::vector<FlagForm> flag_forms(std::span<const Flag> flags);

}  // namespace lockstep
