// Lockstep's own flags.
#include <fmt/format.h>

#include "base/memory_limit.hpp"
#include "config/feature_flags.hpp"
#include "config/flag_matcher.hpp"
#include "config/flag_setters.hpp"
#include "config/flag_table.hpp"

namespace lockstep {
namespace {

using namespace flag_setters;  // NOLINT(google-build-using-namespace)

void store_max_memory(OutputOptions& options, const std::string& text) {
  options.max_memory = bytes_from_text(text);
  if (!options.max_memory) {
    throw FlagRefused{fmt::format(
        "argument --max-memory: invalid size: '{}' (give bytes, or a number with K, M, G or T)",
        text)};
  }
}

std::vector<Flag> make_own_flags() {
  using K = FlagKind;
  constexpr FlagGroup kGroup = FlagGroup::lockstep;
  std::vector<Flag> flags{
      {"--fidelity",
       K::choice,
       kGroup,
       "",
       "the serving engine as it is, or the reference to the nanosecond (default: vllm)",
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
      {"--cache-threshold",
       K::real,
       kGroup,
       "SHARE",
       "PREFIX routing: a prompt follows its cached prefix when that is more than this share of it "
       "(default: 0.3)",
       {},
       store(&Options::cache_threshold)},
      {"--balance-abs-threshold",
       K::integer,
       kGroup,
       "N",
       "PREFIX routing goes by load while the busiest instance has more than N requests over the "
       "idlest, and --balance-rel-threshold holds as well (default: 64)",
       {},
       store(&Options::balance_abs_threshold)},
      {"--balance-rel-threshold",
       K::real,
       kGroup,
       "TIMES",
       "and more than so many times as many (default: 1.5)",
       {},
       store(&Options::balance_rel_threshold)},
      {"--kv-transfer",
       K::choice,
       kGroup,
       "",
       "when KV leaves a prefill instance: a layer's when it is computed, or all when the prompt "
       "is "
       "(default: layer-wise)",
       {"layer-wise", "whole"},
       store_choice<KvTransfer>(&Options::kv_transfer, {{"layer-wise", KvTransfer::layer_wise},
                                                        {"whole", KvTransfer::whole}})},
      {"--engine-terms",
       K::text,
       kGroup,
       "LIST",
       "what --fidelity vllm models beyond the schedule: all, none, or names with commas between "
       "(docs/vllm.md; default: all)",
       {},
       [](Options& o, const std::string& text, std::int64_t, double) {
         o.engine_terms = engine_terms_from(text, "--engine-terms");
       }},
      {"--num-gpu-blocks-override",
       K::integer,
       kGroup,
       "N",
       "KV blocks of every instance, instead of what memory allows",
       {},
       store(&Options::num_gpu_blocks_override)},
      {"--max-cudagraph-capture-size",
       K::integer,
       kGroup,
       "TOKENS",
       "largest step that runs as a captured graph; 0: none (default: twice --max-num-seqs, at "
       "most 512)",
       {},
       store(&Options::max_cudagraph_capture_size)},
      {"--calibration",
       K::text,
       kGroup,
       "FILE",
       "step terms fitted to recorded runs (`lockstep calibrate`)",
       {},
       store(&Options::calibration)},
      {"--kernel-times",
       K::choice,
       kGroup,
       "",
       "put steps together from layers (bundles, or the layers' model) or from operations (any "
       "model; docs/kernel-times.md); auto: layers for unquantised models that have them (default: "
       "auto)",
       {"auto", "layers", "operations"},
       store_choice<StepRule>(&Options::kernel_times, {{"auto", StepRule::automatic},
                                                       {"layers", StepRule::layers},
                                                       {"operations", StepRule::operations}})},
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
      {"--max-memory",
       K::text,
       kGroup,
       "SIZE",
       "most memory that the process may take, such as 8G; a run that needs more ends with an "
       "error "
       "(default: no limit)",
       {},
       {},
       store_max_memory},
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
      {"--fold-layers",
       K::pair,
       kGroup,
       "",
       "simulate equal layers only until they repeat, with the same result; "
       "--no-fold-layers simulates every one (default: on)",
       {},
       store(&Options::fold_layers)},
      {"--strict",
       K::pair,
       kGroup,
       "",
       "fallbacks and ignored settings are errors (default: off)",
       {},
       store(&Options::strict)},
  };
  const std::vector<Flag> features = make_feature_flags();
  flags.insert(flags.end(), features.begin(), features.end());
  return flags;
}

}  // namespace

std::span<const Flag> own_flags() {
  static const std::vector<Flag> flags = make_own_flags();
  return flags;
}

}  // namespace lockstep
