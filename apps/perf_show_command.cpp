#include "perf_show_command.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "command_record.hpp"
#include "perf/bundle.hpp"
#include "perf/bundle_curves.hpp"
#include "report/curve_plot.hpp"
#include "report/output_file.hpp"
#include "report/terminal.hpp"

namespace lockstep {
namespace {

struct PerfShowFlags {
  std::string bundle;
  std::optional<std::int64_t> tp;
  std::optional<std::string> svg;
};

void show_perf(const PerfShowFlags& flags) {
  const auto degrees = flags.tp ? std::vector{*flags.tp} : degrees_in(flags.bundle);
  if (degrees.empty()) {
    throw UserError("this folder holds no tables", Where{flags.bundle, 0, {}},
                    "give the folder of a bundle, which holds tp<N>/; `lockstep perf list` names "
                    "those that are known");
  }
  std::vector<CurveSet> sets;
  for (const std::int64_t tp : degrees) {
    const auto more = bundle_curves(flags.bundle, tp);
    sets.insert(sets.end(), more.begin(), more.end());
  }
  if (flags.svg) {
    OutputFile(*flags.svg).commit(curves_svg(sets));
    CommandRecord::write_beside(*flags.svg, {});
    fmt::print("# wrote {}: {} plots\n", *flags.svg, sets.size());
    return;
  }
  const std::int32_t width = detect_terminal(stdout).width;
  for (const CurveSet& set : sets) {
    fmt::print("{}\n", curve_text(set, width));
  }
}

}  // namespace

void add_perf_show(CLI::App& parent, int& exit_code) {
  CLI::App* command = parent.add_subcommand("show", "the tables of a bundle as plots");
  auto flags = std::make_shared<PerfShowFlags>();
  command->add_option("BUNDLE", flags->bundle, "folder with tp<N>/")->required();
  command->add_option("--tp", flags->tp, "one tensor-parallel degree (default: all)");
  command->add_option("--svg", flags->svg, "write a picture instead of text");
  command->callback([flags, &exit_code] {
    show_perf(*flags);
    exit_code = static_cast<int>(ExitCode::ok);
  });
}

}  // namespace lockstep
