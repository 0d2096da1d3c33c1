#include <fmt/format.h>
#include <fmt/ranges.h>

#include "completions.hpp"

namespace lockstep {
namespace {

/// Text in roff: backslashes, hyphens that stay hyphens, no line that begins with a dot.
std::string roff(std::string_view text) {
  std::string out = text.starts_with('.') || text.starts_with('\'') ? "\\&" : "";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

void add_flag(std::string& out, const CommandFlag& flag) {
  out += fmt::format(".TP\n\\fB{}\\fR", roff(fmt::format("{}", fmt::join(flag.names, ", "))));
  if (!flag.choices.empty()) {
    out += fmt::format(" {}", roff(fmt::format("{}", fmt::join(flag.choices, " | "))));
  } else if (!flag.value.empty()) {
    out += fmt::format(" \\fI{}\\fR", roff(flag.value));
  }
  out += fmt::format("\n{}\n", roff(flag.help));
}

void add_command(std::string& out, const Command& command, const std::string& path) {
  const std::string name = path + ' ' + command.name;
  out += fmt::format(".SS {}\n{}\n", roff(name), roff(command.help));
  for (const CommandFlag& positional : command.positionals) {
    add_flag(out, positional);
  }
  for (const CommandFlag& flag : command.flags) {
    if (flag.names.front() != "--help") {
      add_flag(out, flag);
    }
  }
  for (const Command& sub : command.commands) {
    add_command(out, sub, name);
  }
}

}  // namespace

std::string manual_page(const Command& tree, std::string_view version) {
  std::string out = fmt::format(
      ".TH LOCKSTEP 1 \"\" \"lockstep {}\" \"User Commands\"\n"
      ".SH NAME\nlockstep \\- simulate clusters that serve large language models\n"
      ".SH SYNOPSIS\n\\fBlockstep\\fR \\fICOMMAND\\fR [\\fIflags\\fR]\n"
      ".SH DESCRIPTION\nLockstep takes a cluster and a workload and says, request by request, what "
      "a serving engine on that cluster would have done: time to first token, time per output "
      "token, throughput, memory, energy.\n.SH COMMANDS\n",
      version);
  for (const Command& command : tree.commands) {
    add_command(out, command, tree.name);
  }
  out +=
      ".SH EXIT STATUS\n0: done. 2: a mistake in flags or files, with a hint how to mend it. Any "
      "other: a defect of lockstep.\n"
      ".SH ENVIRONMENT\n.TP\n\\fBLOCKSTEP_PERF_DIR\\fR\nfolder of measured kernel times\n"
      ".TP\n\\fBLOCKSTEP_NO_BUNDLE_CACHE\\fR\nif set, no table is kept in the user's cache folder\n"
      ".TP\n\\fBNO_COLOR\\fR\nno colours, also on a terminal\n"
      ".TP\n\\fBCOLUMNS\\fR\nwidth of the output\n"
      ".SH EXAMPLES\n.nf\nlockstep run \\-\\-cluster\\-config cluster.json \\-\\-dataset "
      "load.jsonl "
      "\\-\\-report run.html\nlockstep report a.csv b.csv \\-\\-output both.html\n.fi\n";
  return out;
}

}  // namespace lockstep
