// Lockstep's own flags.
#include "config/flag_setters.hpp"
#include "config/flag_table.hpp"

namespace lockstep {
namespace {

using namespace flag_setters;  // NOLINT(google-build-using-namespace)

std::vector<Flag> make_own_flags() {
  using K = FlagKind;
  constexpr FlagGroup kGroup = FlagGroup::lockstep;
  return {
      {"--fidelity",
       K::choice,
       kGroup,
       "",
       "follow the reference to the nanosecond, or the serving engine itself (default: reference)",
       {"reference", "vllm"},
       store_choice<Fidelity>(&Options::fidelity,
                              {{"reference", Fidelity::reference}, {"vllm", Fidelity::vllm}})},
      {"--expert-exchange",
       K::choice,
       kGroup,
       "",
       "collectives around the experts (default: allgather-reducescatter)",
       {"allgather-reducescatter", "alltoall"},
       store_choice<ExpertExchange>(
           &Options::expert_exchange,
           {{"allgather-reducescatter", ExpertExchange::all_gather_reduce_scatter},
            {"alltoall", ExpertExchange::all_to_all}})},
      {"--log-format",
       K::choice,
       kGroup,
       "",
       "progress as a tree, or one line per instance (default: tree)",
       {"tree", "line"},
       store_choice<LogFormat>(&Options::log_format,
                               {{"tree", LogFormat::tree}, {"line", LogFormat::line}})},
      {"--json",
       K::toggle,
       kGroup,
       "",
       "print a summary as JSON and nothing else (its keys: docs/run-json.md)",
       {},
       {},
       output_switch(&OutputOptions::json)},
      {"--quiet",
       K::toggle,
       kGroup,
       "",
       "print warnings and errors only",
       {},
       {},
       output_switch(&OutputOptions::quiet)},
      {"--save-run",
       K::text,
       kGroup,
       "FILE",
       "JSON with requests, steps and series, for `lockstep report`",
       {},
       {},
       output_path(&OutputOptions::save_run)},
      {"--report",
       K::text,
       kGroup,
       "FILE",
       "the run as one HTML page that opens offline",
       {},
       {},
       output_path(&OutputOptions::report)},
      {"--trace",
       K::text,
       kGroup,
       "FILE",
       "every request, step, kernel and collective as a Chrome trace, for ui.perfetto.dev",
       {},
       {},
       output_path(&OutputOptions::trace)},
      {"--perf-dir",
       K::text,
       kGroup,
       "DIR",
       "kernel-time bundles (<hardware>/<model>/<variant>)",
       {},
       store(&Options::perf_dir)},
      {"--model-dir",
       K::text,
       kGroup,
       "DIR",
       "model configs (<owner>/<model>.json)",
       {},
       store(&Options::model_dir)},
      {"--pim-dir",
       K::text,
       kGroup,
       "DIR",
       "PIM descriptions (<device>.ini)",
       {},
       store(&Options::pim_dir)},
      {"--strict",
       K::pair,
       kGroup,
       "",
       "fallbacks and ignored settings are errors (default: off)",
       {},
       store(&Options::strict)},
  };
}

}  // namespace

std::span<const Flag> own_flags() {
  static const std::vector<Flag> flags = make_own_flags();
  return flags;
}

}  // namespace lockstep
