// Flags that change nothing in a run: said once, so that nobody compares two equal runs.
#include <fmt/format.h>

#include <algorithm>

#include "config/run_flags.hpp"

namespace lockstep {
namespace {

class Collector {
public:
  Collector(const RunOptions& options, const std::set<std::string>& given, const Cluster& cluster)
      : options_(options), given_(given), cluster_(cluster) {}

  std::vector<std::string> collect() {
    prefix_flags();
    routing_flags();
    model_flags();
    file_flags();
    engine_flags();
    feature_flags();
    return std::move(notes_);
  }

private:
  [[nodiscard]] bool given(const std::string& flag) const { return given_.contains(flag); }

  void note(const std::string& flag, std::string_view reason) {
    if (given(flag)) {
      notes_.push_back(fmt::format("{} has no effect: {}", flag, reason));
    }
  }

  template <class Test>
  [[nodiscard]] bool any(const Test& test) const {
    return std::ranges::any_of(cluster_.instances, test);
  }

  void prefix_flags() {
    const bool caching = any([](const Instance& i) { return i.enable_prefix_caching; });
    if (!caching) {
      note("--enable-prefix-sharing", "prefix caching is off on every instance");
      if (options_.prefix_storage != PrefixStorage::none) {
        note("--prefix-storage", "prefix caching is off on every instance");
      }
    } else if (options_.enable_prefix_sharing && options_.prefix_storage == PrefixStorage::none) {
      note("--enable-prefix-sharing",
           "there is no second-tier pool to share (--prefix-storage is None)");
    }
  }

  void routing_flags() {
    if (!any([](const Instance& i) { return i.model->has_experts(); })) {
      note("--expert-routing-policy", "no model of the cluster has experts");
    }
    if (!any([](const Instance& i) { return i.model->has_experts() && i.ep_total > 1; })) {
      note("--expert-exchange", "no instance exchanges tokens between experts");
    }
    if (options_.request_routing_policy != RoutingPolicy::prefix) {
      for (const char* flag :
           {"--cache-threshold", "--balance-abs-threshold", "--balance-rel-threshold"}) {
        note(flag, "it acts under --request-routing-policy PREFIX");
      }
    }
    if (!any([](const Instance& i) { return i.pd == PdType::prefill; })) {
      note("--kv-transfer", "no instance hands KV to another");
    }
    if (!options_.dataset) {
      note("--request-routing-policy", "without --dataset every instance gets its own requests");
      note("--num-reqs", "there is no --dataset to cut");
      note("--skip-prefill", "it acts on the requests of a --dataset");
    }
  }

  void engine_flags() {
    if (options_.fidelity == Fidelity::reference) {
      for (const char* flag :
           {"--engine-terms", "--max-cudagraph-capture-size", "--calibration", "--kernel-times"}) {
        note(flag, "it acts under --fidelity vllm");
      }
      return;
    }
    if (!any([](const Instance& instance) { return instance.calibration != nullptr; })) {
      note("--calibration", "the file has no terms for an instance of the cluster");
    }
  }

  void feature_flags() {
    if (!any([](const Instance& i) { return i.features.speculation.on(); })) {
      for (const char* flag : {"--acceptance-rate", "--draft-cost-us", "--speculative-seed"}) {
        note(flag, "no instance has speculative decoding (--speculative-tokens)");
      }
    }
    if (!any([](const Instance& i) { return i.features.lora.on(); })) {
      for (const char* flag : {"--max-lora-rank", "--lora-load-bandwidth"}) {
        note(flag, "no instance has adapters (--max-loras)");
      }
    }
  }

  /// A flag that every instance overrides with another value.
  template <class Value>
  void overridden(const std::string& flag, Value Instance::*member, Value value) {
    if (!any([&](const Instance& i) { return i.*member == value; })) {
      note(flag, "every instance of the cluster file sets its own");
    }
  }

  void model_flags() {
    overridden("--max-num-seqs", &Instance::max_num_seqs, options_.max_num_seqs);
    overridden("--max-num-batched-tokens", &Instance::max_num_batched_tokens,
               options_.max_num_batched_tokens);
    overridden("--long-prefill-token-threshold", &Instance::long_prefill_token_threshold,
               options_.long_prefill_token_threshold);
    overridden("--block-size", &Instance::block_size, options_.block_size);
    overridden("--npu-memory-utilization", &Instance::mem_util, options_.npu_memory_utilization);
    overridden("--kv-cache-dtype", &Instance::kv_cache_dtype, options_.kv_cache_dtype);
    if (options_.dtype) {
      overridden("--dtype", &Instance::dtype, *options_.dtype);
    }
    pair("enable-chunked-prefill", &Instance::enable_chunked_prefill,
         options_.enable_chunked_prefill);
    pair("enable-prefix-caching", &Instance::enable_prefix_caching, options_.enable_prefix_caching);
    pair("reserve-full-isl", &Instance::reserve_full_isl, options_.reserve_full_isl);
    pair("enable-block-copy", &Instance::enable_block_copy, options_.enable_block_copy);
    if (!any([](const Instance& i) { return i.enable_chunked_prefill; }) &&
        options_.long_prefill_token_threshold != 0) {
      note("--long-prefill-token-threshold", "chunked prefill is off on every instance");
    }
  }

  void pair(const std::string& name, bool Instance::*member, bool value) {
    overridden((value ? "--" : "--no-") + name, member, value);
  }

  void file_flags() {
    note("--inputs-root", "no intermediate files are written");
    note("--cleanup-inputs", "no intermediate files are written");
    note("--no-cleanup-inputs", "no intermediate files are written");
  }

  const RunOptions& options_;
  const std::set<std::string>& given_;
  const Cluster& cluster_;
  std::vector<std::string> notes_;
};

}  // namespace

std::vector<std::string> ineffective_flags(const RunOptions& options,
                                           const std::set<std::string>& given,
                                           const Cluster& cluster) {
  return Collector(options, given, cluster).collect();
}

}  // namespace lockstep
