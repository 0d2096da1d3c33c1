#include "config/flag_help.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "config/flag_table.hpp"

namespace lockstep {
namespace {

constexpr std::size_t kIndent = 34;
constexpr std::size_t kWidth = 100;

struct Section {
  FlagGroup group;
  std::string_view title;
};
constexpr std::array<Section, 6> kSections{{{FlagGroup::input, "What to run"},
                                            {FlagGroup::batching, "Batching"},
                                            {FlagGroup::memory, "Memory and KV cache"},
                                            {FlagGroup::routing, "Routing and network"},
                                            {FlagGroup::output, "Output"},
                                            {FlagGroup::lockstep, "Lockstep's own"}}};

std::string left_column(const Flag& flag) {
  if (flag.kind == FlagKind::help) {
    return "-h, --help";
  }
  if (flag.kind == FlagKind::pair) {
    return fmt::format("--[no-]{}", flag.name.substr(2));
  }
  return flag.takes_value() && flag.choices.empty() ? fmt::format("{} {}", flag.name, flag.value)
                                                    : std::string(flag.name);
}

/// Appends `text` word by word, broken so that no line passes kWidth.
void append_wrapped(std::string& out, std::string_view text) {
  std::size_t column = kIndent;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    if (column > kIndent && column + 1 + word.size() > kWidth) {
      out += fmt::format("\n{:{}}", "", kIndent);
      column = kIndent;
    } else if (column > kIndent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    begin = end + 1;
  }
  out += '\n';
}

void append_flag(std::string& out, const Flag& flag) {
  const std::string left = "  " + left_column(flag);
  out += left;
  if (left.size() + 2 > kIndent) {
    out += fmt::format("\n{:{}}", "", kIndent);
  } else {
    out += std::string(kIndent - left.size(), ' ');
  }
  std::string help(flag.help);
  if (!flag.choices.empty()) {
    help = fmt::format("{}: {}", fmt::join(flag.choices, " | "), help);
  }
  append_wrapped(out, help);
}

}  // namespace

std::string run_flags_usage(std::string_view program) {
  return fmt::format(
      "usage: {0} [--cluster-config FILE] [--dataset FILE] [--output FILE] [--flag ...]\n"
      "       {0} --help lists all flags\n",
      program);
}

std::string run_flags_help(std::string_view program) {
  std::string out = run_flags_usage(program);
  out +=
      "\nSimulates a cluster that serves a workload. Any unambiguous prefix of a flag will do; of\n"
      "repeated flags the last wins. Keys of single instances in the cluster file go before "
      "flags.\n";
  for (const Section& section : kSections) {
    out += fmt::format("\n{}:\n", section.title);
    for (const auto& flags : {field_flags(), own_flags()}) {
      for (const Flag& flag : flags) {
        if (flag.group == section.group) {
          append_flag(out, flag);
        }
      }
    }
  }
  return out;
}

}  // namespace lockstep
