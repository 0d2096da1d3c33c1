// Number formats of weights and of the KV cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lockstep {

enum class DataType : std::uint8_t { float16, bfloat16, float32, fp8, int8 };
enum class KvCacheType : std::uint8_t { automatic, fp8 };

/// Bytes per element: 2, 2, 4, 1, 1.
[[nodiscard]] std::int64_t bytes_per_element(DataType type);
/// 1 for fp8, else as the weights.
[[nodiscard]] std::int64_t kv_bytes_per_element(DataType type, KvCacheType kv);
/// Command-line names: "float16", "bfloat16", "float32", "fp8", "int8".
[[nodiscard]] std::optional<DataType> data_type_from_name(std::string_view name);
[[nodiscard]] std::string_view data_type_name(DataType type);
/// Name of a bundle's variant folder: "bf16", "bf16-kvfp8", "fp8-kvfp8", ...
[[nodiscard]] std::string variant_name(DataType type, KvCacheType kv);

}  // namespace lockstep
