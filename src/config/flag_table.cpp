#include "config/flag_table.hpp"

namespace lockstep {

std::string Flag::display_name() const {
  if (kind == FlagKind::help) {
    return "-h/--help";
  }
  std::string text(name);
  if (kind == FlagKind::pair) {
    text += "/--no-";
    text += name.substr(2);
  }
  return text;
}

std::vector<FlagForm> flag_forms(std::span<const Flag> flags) {
  std::vector<FlagForm> forms;
  for (const Flag& flag : flags) {
    if (flag.kind == FlagKind::help) {
      forms.push_back({"-h", &flag, true});
    }
    forms.push_back({std::string(flag.name), &flag, true});
    if (flag.kind == FlagKind::pair) {
      forms.push_back({"--no-" + std::string(flag.name.substr(2)), &flag, false});
    }
  }
  return forms;
}

}  // namespace lockstep
