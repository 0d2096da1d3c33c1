#include "config/flag_table.hpp"

#include "base/error.hpp"

namespace lockstep {
namespace {

using Options = RunOptions;
using Setter = std::function<void(Options&, const std::string&, std::int64_t, double)>;

Setter store(std::string Options::*member) {
  return [member](Options& o, const std::string& text, std::int64_t, double) { o.*member = text; };
}
Setter store(std::optional<std::string> Options::*member) {
  return [member](Options& o, const std::string& text, std::int64_t, double) { o.*member = text; };
}
Setter store(std::int64_t Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t n, double) { o.*member = n; };
}
Setter store(double Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t, double x) { o.*member = x; };
}
Setter store(bool Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t n, double) { o.*member = n != 0; };
}

/// Choices in the order of the enumerators from `first` on.
template <class Enum>
Setter store_choice(Enum Options::*member, std::vector<std::pair<std::string_view, Enum>> values) {
  return [member, values = std::move(values)](Options& o, const std::string& text, std::int64_t,
                                              double) {
    for (const auto& [name, value] : values) {
      if (name == text) {
        o.*member = value;
        return;
      }
    }
    ensure(false, "a choice was accepted that has no value");
  };
}

using OutputSetter = std::function<void(OutputOptions&, const std::string&)>;

OutputSetter output_path(std::optional<std::string> OutputOptions::*member) {
  return [member](OutputOptions& o, const std::string& text) { o.*member = text; };
}
OutputSetter output_switch(bool OutputOptions::*member) {
  return [member](OutputOptions& o, const std::string&) { o.*member = true; };
}

Setter store(std::optional<std::int64_t> Options::*member) {
  return [member](Options& o, const std::string&, std::int64_t n, double) { o.*member = n; };
}

Setter store_engine_terms() {
  return [](Options& o, const std::string& text, std::int64_t, double) {
    o.engine_terms = engine_terms_from(text, "--engine-terms");
  };
}

Setter store_dtype() {
  return [](Options& o, const std::string& text, std::int64_t, double) {
    o.dtype = data_type_from_name(text);
  };
}

std::vector<Flag> make_field_flags() {
  using K = FlagKind;
  using G = FlagGroup;
  return {
      {"--help", K::help, G::input, "", "show this text and exit", {}, {}},
      {"--cluster-config",
       K::text,
       G::input,
       "FILE",
       "the cluster (default: configs/cluster/single_node_single_instance.json)",
       {},
       store(&Options::cluster_config)},
      {"--max-num-seqs",
       K::integer,
       G::batching,
       "N",
       "most sequences in one batch; 0: no limit (default: 128)",
       {},
       store(&Options::max_num_seqs)},
      {"--max-num-batched-tokens",
       K::integer,
       G::batching,
       "N",
       "most tokens in one step; 0: the model's context length, which always caps it (default: "
       "2048)",
       {},
       store(&Options::max_num_batched_tokens)},
      {"--long-prefill-token-threshold",
       K::integer,
       G::batching,
       "N",
       "most tokens of one request in one step; 0: off (default: 0)",
       {},
       store(&Options::long_prefill_token_threshold)},
      {"--dtype",
       K::choice,
       G::memory,
       "",
       "type of the weights (default: the model's own)",
       {"float16", "bfloat16", "float32", "fp8", "int8"},
       store_dtype()},
      {"--request-routing-policy",
       K::choice,
       G::routing,
       "",
       "which instance a request goes to (default: LOAD)",
       {"LOAD", "RR", "RAND", "CUSTOM"},
       store_choice<RoutingPolicy>(&Options::request_routing_policy,
                                   {{"LOAD", RoutingPolicy::load},
                                    {"RR", RoutingPolicy::round_robin},
                                    {"RAND", RoutingPolicy::random},
                                    {"CUSTOM", RoutingPolicy::custom}})},
      {"--expert-routing-policy",
       K::choice,
       G::routing,
       "",
       "which experts a token goes to (default: BALANCED)",
       {"BALANCED", "RR", "RAND", "CUSTOM"},
       store_choice<ExpertRoutingPolicy>(&Options::expert_routing_policy,
                                         {{"BALANCED", ExpertRoutingPolicy::balanced},
                                          {"RR", ExpertRoutingPolicy::round_robin},
                                          {"RAND", ExpertRoutingPolicy::random},
                                          {"CUSTOM", ExpertRoutingPolicy::custom}})},
      {"--enable-block-copy",
       K::pair,
       G::batching,
       "",
       "build one transformer block and repeat it (default: on)",
       {},
       store(&Options::enable_block_copy)},
      {"--enable-prefix-caching",
       K::pair,
       G::memory,
       "",
       "reuse KV blocks of equal token prefixes (default: on)",
       {},
       store(&Options::enable_prefix_caching)},
      {"--enable-chunked-prefill",
       K::pair,
       G::batching,
       "",
       "split long prompts over steps (default: on)",
       {},
       store(&Options::enable_chunked_prefill)},
      {"--enable-prefix-sharing",
       K::toggle,
       G::memory,
       "",
       "instances share the second-tier prefix pool (needs --prefix-storage)",
       {},
       store(&Options::enable_prefix_sharing)},
      {"--prefix-storage",
       K::choice,
       G::memory,
       "",
       "medium of the second-tier prefix pool (default: None)",
       {"None", "CPU", "CXL"},
       store_choice<PrefixStorage>(&Options::prefix_storage, {{"None", PrefixStorage::none},
                                                              {"CPU", PrefixStorage::cpu},
                                                              {"CXL", PrefixStorage::cxl}})},
      {"--enable-local-offloading",
       K::toggle,
       G::memory,
       "",
       "read weights through the NPU's own memory tier",
       {},
       store(&Options::enable_local_offloading)},
      {"--enable-attn-offloading",
       K::toggle,
       G::memory,
       "",
       "decode attention in memory (needs cpu_mem.pim_config on every node)",
       {},
       store(&Options::enable_attn_offloading)},
      {"--enable-sub-batch-interleaving",
       K::toggle,
       G::batching,
       "",
       "overlap two sub-batches on NPU and PIM (needs attention offloading and pp_size 1)",
       {},
       store(&Options::enable_sub_batch_interleaving)},
      {"--reserve-full-isl",
       K::pair,
       G::batching,
       "",
       "admit a request only when its whole sequence fits (default: on)",
       {},
       store(&Options::reserve_full_isl)},
      {"--npu-memory-utilization",
       K::real,
       G::memory,
       "SHARE",
       "share of NPU memory for weights and KV cache, in (0, 1] (default: 0.9)",
       {},
       store(&Options::npu_memory_utilization)},
      {"--block-size",
       K::integer,
       G::memory,
       "TOKENS",
       "tokens per KV block (default: 16)",
       {},
       store(&Options::block_size)},
      {"--dataset",
       K::text,
       G::input,
       "FILE",
       "workload, one JSON object a line (default: 16 requests of 64 + 64 tokens per instance)",
       {},
       store(&Options::dataset)},
      {"--output",
       K::text,
       G::output,
       "FILE",
       "CSV with one row per request; {run_id} in the path is replaced",
       {},
       store(&Options::output)},
      {"--run-id",
       K::text,
       G::output,
       "ID",
       "name of the run: letters, digits, '.', '_', '-' (default: made from the time)",
       {},
       store(&Options::run_id)},
      {"--inputs-root",
       K::text,
       G::output,
       "DIR",
       "accepted; Lockstep writes no intermediate files",
       {},
       store(&Options::inputs_root)},
      {"--cleanup-inputs",
       K::pair,
       G::output,
       "",
       "accepted; there are no intermediate files to remove",
       {},
       store(&Options::cleanup_inputs)},
      {"--skip-prefill",
       K::toggle,
       G::batching,
       "",
       "requests enter as started ones: queueing delay and TTFT stay -1",
       {},
       store(&Options::skip_prefill)},
      {"--num-reqs",
       K::integer,
       G::input,
       "N",
       "lines of the dataset to read; a session is one line; 0: all (default: 0)",
       {},
       store(&Options::num_reqs)},
      {"--log-interval",
       K::real,
       G::output,
       "SECONDS",
       "simulated seconds between progress blocks (default: 1.0)",
       {},
       store(&Options::log_interval)},
      {"--log-level",
       K::choice,
       G::output,
       "",
       "least level that is printed (default: WARNING)",
       {"WARNING", "INFO", "DEBUG"},
       store_choice<LogLevel>(
           &Options::log_level,
           {{"WARNING", LogLevel::warning}, {"INFO", LogLevel::info}, {"DEBUG", LogLevel::debug}})},
      {"--kv-cache-dtype",
       K::choice,
       G::memory,
       "",
       "type of the KV cache; auto: as the weights (default: auto)",
       {"auto", "fp8"},
       store_choice<KvCacheType>(&Options::kv_cache_dtype,
                                 {{"auto", KvCacheType::automatic}, {"fp8", KvCacheType::fp8}})},
      {"--network-backend",
       K::choice,
       G::routing,
       "",
       "network model; only analytical is supported (default: analytical)",
       {"analytical", "ns3"},
       store(&Options::network_backend)},
  };
}

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
      {"--engine-terms",
       K::text,
       kGroup,
       "LIST",
       "what --fidelity vllm models beyond the schedule: all, none, or names with commas between "
       "(docs/vllm.md; default: all)",
       {},
       store_engine_terms()},
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

std::span<const Flag> field_flags() {
  static const std::vector<Flag> flags = make_field_flags();
  return flags;
}

std::span<const Flag> own_flags() {
  static const std::vector<Flag> flags = make_own_flags();
  return flags;
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
