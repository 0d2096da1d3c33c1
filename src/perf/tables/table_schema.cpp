#include "perf/tables/table_schema.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "perf/operations/operations.hpp"

namespace lockstep {
namespace {

using enum KeyRule;

std::vector<KeyColumn> attention_keys() {
  return {{"head size", "head_dim"},
          {"window", "window_size", number, 0},
          {"fp8 cache", "kv_cache_dtype", is_fp8, 0},
          {"heads", "num_heads"},
          {"KV heads", "num_key_value_heads"},
          {"batch", "batch_size"}};
}

std::vector<KeyColumn> module_keys() {
  return {{"precision", "gemm_type", precision},
          {"fp8 cache", "kv_cache_dtype", is_fp8, 0},
          {"fp8 query", "mla_dtype", is_fp8, 0},
          {"heads", "num_heads"},
          {"batch", "batch_size"}};
}

std::vector<KeyColumn> latent_keys() {
  return {{"fp8 cache", "kv_cache_dtype", is_fp8, 0},
          {"heads", "tp_size", latent_heads},
          {"batch", "batch_size"}};
}

using Schemas = std::array<TableSchema, kMeasuredOperationCount>;

const Schemas& schemas() {
  static const Schemas kSchemas = {{
      {"gemm", {{"precision", "gemm_dtype", precision}, {"n", "n"}, {"k", "k"}}, {"m", "m"}},
      {"context_attention", attention_keys(), {"tokens", "isl"}},
      {"generation_attention", attention_keys(), {"context", "step", context_of_step}},
      {"mla_context_module", module_keys(), {"tokens", "isl"}},
      {"mla_generation_module", module_keys(), {"context", "step"}},
      {"context_mla", latent_keys(), {"tokens", "isl"}},
      {"generation_mla", latent_keys(), {"context", "step", context_of_step}},
      {"mla_bmm",
       {{"direction", "op_name", absorption}, {"heads", "num_heads"}},
       {"tokens", "num_tokens"}},
      {"moe",
       {{"precision", "moe_dtype", precision},
        {"hidden", "hidden_size"},
        {"intermediate", "inter_size"},
        {"experts", "num_experts"},
        {"top-k", "topk"},
        {"TP", "moe_tp_size", number, 1},
        {"EP", "moe_ep_size", number, 1},
        {"skew", "distribution", distribution}},
       {"tokens", "num_tokens"}},
      {"gdn",
       {{"kernel", "kernel_source", delta_kernel},
        {"K heads", "num_k_heads"},
        {"V heads", "num_v_heads"},
        {"tokens", "seq_len"}},
       {"batch", "batch_size"}},
      {"computescale", {{"k", "k"}}, {"m", "m"}},
      {"scale_matrix", {{"k", "k"}}, {"m", "m"}},
      {"custom_allreduce",
       {{"graph", "backend", is_graph}, {"ranks", "num_gpus"}},
       {"bytes", "message_size", bytes}},
      {"nccl",
       {{"collective", "op_name", collective}, {"ranks", "num_gpus"}},
       {"bytes", "message_size", bytes}},
  }};
  return kSchemas;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || !(value >= 0 && value <= 1e12) ||
      value != std::floor(value)) {
    return std::nullopt;
  }
  return static_cast<std::int64_t>(value);
}

using Named = std::pair<std::string_view, std::int64_t>;

std::optional<std::int64_t> look_up(std::initializer_list<Named> names, std::string_view text) {
  for (const auto& [name, value] : names) {
    if (name == text) {
      return value;
    }
  }
  return std::nullopt;
}

template <class Enum>
constexpr std::int64_t key(Enum value) {
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> precision_key(std::string_view text) {
  return look_up({{"bfloat16", key(Precision::bfloat16)},
                  {"float16", key(Precision::bfloat16)},
                  {"fp8", key(Precision::fp8)},
                  {"fp8_block", key(Precision::fp8_block)},
                  {"nvfp4", key(Precision::nvfp4)},
                  {"int4_wo", key(Precision::int4)},
                  {"w4a16_mxfp4", key(Precision::mxfp4)},
                  {"w4a8_mxfp4_mxfp8", key(Precision::mxfp4_fp8)}},
                 text);
}

std::optional<std::int64_t> kind_key(KeyRule rule, std::string_view text) {
  switch (rule) {
    case distribution:
      return look_up({{"balanced", key(ExpertSkew::balanced)},
                      {"power_law_1.01", key(ExpertSkew::power_law_1_01)},
                      {"power_law_1.2", key(ExpertSkew::power_law_1_2)}},
                     text);
    case delta_kernel:
      if (text.starts_with("chunk_gated_delta_rule")) {
        return key(DeltaKernel::chunk_rule);
      }
      if (text.starts_with("fused_recurrent_gated_delta_rule")) {
        return key(DeltaKernel::recurrence);
      }
      return look_up({{"causal_conv1d_fn", key(DeltaKernel::convolution)},
                      {"causal_conv1d_update", key(DeltaKernel::convolution_update)}},
                     text);
    case absorption:
      return look_up({{"mla_gen_pre", 0}, {"mla_gen_post", 1}}, text);
    case collective:
      return look_up({{"all_reduce", key(CollectiveOp::all_reduce)},
                      {"all_gather", key(CollectiveOp::all_gather)},
                      {"reduce_scatter", key(CollectiveOp::reduce_scatter)},
                      {"alltoall", key(CollectiveOp::all_to_all)}},
                     text);
    case is_graph:
      return look_up({{"vllm_graph", 1}, {"vllm_eager", 0}}, text);
    default:
      return std::nullopt;
  }
}

}  // namespace

const TableSchema& table_schema(MeasuredOperation operation) {
  return schemas()[static_cast<std::size_t>(operation)];
}

std::optional<MeasuredOperation> measured_operation_from_name(std::string_view name) {
  for (std::size_t i = 0; i < schemas().size(); ++i) {
    if (schemas()[i].name == name) {
      return static_cast<MeasuredOperation>(i);
    }
  }
  return std::nullopt;
}

std::optional<std::int64_t> table_key(KeyRule rule, std::string_view text,
                                      const KeyContext& context) {
  switch (rule) {
    case number:
      return whole_number(text);
    case precision:
      return precision_key(text);
    case is_fp8:
      return text.starts_with("fp8") ? 1 : 0;
    case context_of_step: {
      const auto step = whole_number(text);
      const bool without_new = compare_versions(context.engine_version, "0.24") >= 0;
      return step ? std::optional(*step + (without_new ? 1 : 0)) : step;
    }
    case latent_heads: {
      const auto tp = whole_number(text);
      return tp && *tp > 0 && *tp <= 128 ? std::optional(128 / *tp) : std::nullopt;
    }
    case bytes: {
      const auto elements = whole_number(text);
      return elements ? std::optional(*elements * context.element_bytes) : elements;
    }
    default:
      return kind_key(rule, text);
  }
}

std::int64_t element_bytes_of(std::string_view type) {
  return look_up({{"int8", 1},
                  {"half", 2},
                  {"float16", 2},
                  {"bfloat16", 2},
                  {"float", 4},
                  {"float32", 4}},
                 type)
      .value_or(0);
}

int compare_versions(std::string_view a, std::string_view b) {
  const auto next = [](std::string_view& text) {
    int value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    const bool more = error == std::errc{} && text.starts_with('.');
    text = more ? text.substr(1) : std::string_view();
    return error == std::errc{} ? value : 0;
  };
  while (!a.empty() || !b.empty()) {
    const int left = next(a);
    const int right = next(b);
    if (left != right) {
      return left < right ? -1 : 1;
    }
  }
  return 0;
}

}  // namespace lockstep
