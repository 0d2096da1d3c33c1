#include "config/instance_settings.hpp"

#include <fmt/format.h>

#include "config/feature_settings.hpp"
#include "config/number_text.hpp"

namespace lockstep {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 40;

/// Where a value came from: the instance's key, or the flag that stands in for it.
Where origin(const JsonView& view, std::string_view key, const std::string& flag) {
  return view.find(key) ? view.where_of(key) : Where{"", 0, flag};
}

std::int64_t limit(const JsonView& view, std::string_view key, const std::string& flag,
                   std::int64_t fallback, std::int64_t least, std::string_view zero_means) {
  const auto own = view.find(key);
  const std::int64_t value = own ? own->integer() : fallback;
  if (value < least || value > kMost) {
    throw UserError(fmt::format("{} is {}", own ? std::string(key) : flag, value),
                    origin(view, key, flag),
                    fmt::format("give a whole number of at least {}{}", least, zero_means));
  }
  return value;
}

void read_limits(const JsonView& view, const RunOptions& options, Instance& instance) {
  instance.max_num_seqs =
      limit(view, "max_num_seqs", "--max-num-seqs", options.max_num_seqs, 0, " (0: no limit)");
  instance.max_num_batched_tokens =
      limit(view, "max_num_batched_tokens", "--max-num-batched-tokens",
            options.max_num_batched_tokens, 0, " (0: up to the model's context length)");
  instance.long_prefill_token_threshold =
      limit(view, "long_prefill_token_threshold", "--long-prefill-token-threshold",
            options.long_prefill_token_threshold, 0, " (0: off)");
  instance.block_size = limit(view, "block_size", "--block-size", options.block_size, 1, "");
}

void read_switches(const JsonView& view, const RunOptions& options, Instance& instance) {
  const auto value = [&](std::string_view key, bool fallback) {
    const auto own = view.find(key);
    return own ? own->boolean() : fallback;
  };
  instance.enable_chunked_prefill = value("enable_chunked_prefill", options.enable_chunked_prefill);
  instance.enable_prefix_caching = value("enable_prefix_caching", options.enable_prefix_caching);
  instance.reserve_full_isl = value("reserve_full_isl", options.reserve_full_isl);
  instance.enable_local_offloading =
      value("enable_local_offloading", options.enable_local_offloading);
  instance.enable_attn_offloading = value("enable_attn_offloading", options.enable_attn_offloading);
  instance.enable_sub_batch_interleaving =
      value("enable_sub_batch_interleaving", options.enable_sub_batch_interleaving);
  instance.enable_block_copy = value("enable_block_copy", options.enable_block_copy);
}

/// Terms of the modelled engine, which the reference does not know.
void read_engine(const JsonView& view, const RunOptions& options, Instance& instance) {
  const auto own = view.find("num_gpu_blocks");
  if (own || options.num_gpu_blocks_override) {
    instance.num_gpu_blocks = limit(view, "num_gpu_blocks", "--num-gpu-blocks-override",
                                    options.num_gpu_blocks_override.value_or(0), 1, "");
  }
  if (options.fidelity == Fidelity::reference) {
    return;
  }
  instance.terms = options.engine_terms;
  instance.terms.async_scheduling = instance.terms.async_scheduling && instance.pp == 1;
  instance.capture_sizes =
      default_capture_sizes(instance.max_num_seqs, instance.max_num_batched_tokens);
  if (options.max_cudagraph_capture_size) {
    std::erase_if(instance.capture_sizes,
                  [&](std::int64_t size) { return size > *options.max_cudagraph_capture_size; });
  }
}

/// The instance's key, else the flag, else the model's own type, else bfloat16.
void read_types(const JsonView& view, const RunOptions& options, Instance& instance) {
  if (const auto own = view.find("dtype")) {
    const auto type = data_type_from_name(own->text());
    if (!type) {
      own->fail(fmt::format("Unsupported dtype '{}' for instance {}", own->text(), instance.id),
                "use float16, bfloat16, float32, fp8 or int8");
    }
    instance.dtype = *type;
  } else if (options.dtype) {
    instance.dtype = *options.dtype;
  } else {
    instance.dtype =
        data_type_from_name(instance.model->torch_dtype.value_or("")).value_or(DataType::bfloat16);
  }
  instance.kv_cache_dtype = options.kv_cache_dtype;
  if (const auto own = view.find("kv_cache_dtype")) {
    const std::string name = own->text();
    if (name != "auto" && name != "fp8") {
      own->fail(fmt::format("Unsupported kv_cache_dtype '{}' for instance {}", name, instance.id),
                "use auto (as dtype) or fp8");
    }
    instance.kv_cache_dtype = name == "fp8" ? KvCacheType::fp8 : KvCacheType::automatic;
  }
}

void check_interleaving(const JsonView& view, const Instance& instance) {
  if (!instance.enable_sub_batch_interleaving) {
    return;
  }
  const Where where =
      origin(view, "enable_sub_batch_interleaving", "--enable-sub-batch-interleaving");
  if (!instance.enable_attn_offloading) {
    throw UserError(
        fmt::format("Instance {} enables sub-batch interleaving without attention offloading",
                    instance.id),
        where, "add --enable-attn-offloading, or switch interleaving off");
  }
  if (instance.pp > 1) {
    throw UserError(
        fmt::format("Instance {} enables sub-batch interleaving with pp_size {}: sub-batches "
                    "overlap within one pipeline stage only",
                    instance.id, instance.pp),
        where, "use pp_size 1, or switch interleaving off");
  }
}

/// The two halves of a step would need the prompts that each of them ends.
void check_transfer(const Instance& instance, const RunOptions& options) {
  if (options.kv_transfer == KvTransfer::whole && instance.pd == PdType::prefill &&
      instance.enable_sub_batch_interleaving) {
    throw UserError(
        fmt::format("prefill instance {} interleaves sub-batches, which hand KV over by layer",
                    instance.id),
        {"", 0, "--kv-transfer"}, "use layer-wise, or switch interleaving off");
  }
}

void read_utilization(const JsonView& view, const RunOptions& options, Instance& instance) {
  const auto memory = view.find("npu_mem");
  const auto own = memory ? memory->find("mem_util") : std::nullopt;
  const Where where = own ? own->where() : Where{"", 0, "--npu-memory-utilization"};
  instance.mem_util = options.npu_memory_utilization;
  if (own) {
    const std::optional<double> value = own->json().is_number()
                                            ? std::optional(own->json().get<double>())
                                        : own->json().is_string() ? float_from_text(own->text())
                                                                  : std::nullopt;
    if (!value) {
      own->fail(fmt::format("npu_mem.mem_util for instance {} must be a number in (0, 1]; got {}",
                            instance.id, own->json().dump(-1, ' ', true)),
                "give the share of the memory for weights and KV cache, such as 0.9");
    }
    instance.mem_util = *value;
  }
  if (!(instance.mem_util > 0 && instance.mem_util <= 1)) {
    throw UserError(fmt::format("npu_mem.mem_util for instance {} must be in (0, 1]; got {}",
                                instance.id, float_text(instance.mem_util)),
                    where, "write a share: 0.9 rather than 90");
  }
}

}  // namespace

void read_settings(const JsonView& view, const RunOptions& options, Instance& instance) {
  read_types(view, options, instance);
  read_switches(view, options, instance);
  check_interleaving(view, instance);
  check_transfer(instance, options);
  instance.kv_transfer = options.kv_transfer;
  read_utilization(view, options, instance);
  read_limits(view, options, instance);
  read_engine(view, options, instance);
  read_features(view, options, instance);
}

}  // namespace lockstep
