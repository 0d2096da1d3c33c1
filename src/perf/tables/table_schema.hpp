// The measured operations' tables: which columns a file has, which keys they become. A table is a
// set of slices (one per combination of the slice keys), each a curve of microseconds over one
// axis.
//
// Keys are made comparable here, once: sizes of collectives in bytes (files count elements), the
// context of a decode with its new token (files of some versions count without), heads of a rank.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lockstep {

enum class MeasuredOperation : std::uint8_t {
  gemm,
  context_attention,
  generation_attention,
  mla_context_module,
  mla_generation_module,
  context_mla,
  generation_mla,
  mla_bmm,
  moe,
  gdn,
  computescale,
  scale_matrix,
  custom_allreduce,
  nccl,
};
inline constexpr int kMeasuredOperationCount = 14;

/// How a column's text becomes a key.
enum class KeyRule : std::uint8_t {
  number,           ///< a whole number
  precision,        ///< Precision; rows of a type that is not known are left out
  is_fp8,           ///< 1 for an 8-bit type, 0 for a 16-bit one
  distribution,     ///< ExpertSkew
  delta_kernel,     ///< DeltaKernel
  absorption,       ///< 0 into the latent space, 1 out of it
  collective,       ///< CollectiveOp
  is_graph,         ///< 1 inside a CUDA graph, 0 launched
  context_of_step,  ///< tokens that a decode attends to, the new one included
  latent_heads,     ///< heads of a rank from its tensor-parallel label: 128 / tp_size
  bytes,            ///< elements times the size of `nccl_dtype` or `allreduce_dtype`
};

/// The kernels of a gated delta net, as `gdn` tables tell them apart.
enum class DeltaKernel : std::uint8_t { convolution, chunk_rule, convolution_update, recurrence };

struct KeyColumn {
  std::string_view name;    ///< in our listings
  std::string_view column;  ///< in the files
  KeyRule rule = KeyRule::number;
  std::int64_t absent = -1;  ///< taken when a file lacks the column; -1: it may not
};

struct TableSchema {
  std::string_view name;  ///< also the file's name
  std::vector<KeyColumn> slice;
  KeyColumn axis;
};

[[nodiscard]] const TableSchema& table_schema(MeasuredOperation operation);
[[nodiscard]] std::optional<MeasuredOperation> measured_operation_from_name(std::string_view name);

/// The key of a value's text, or nothing when it means a kind that is not known (the row is left
/// out). `engine_version` ("0.19.0") decides how decodes are counted; `element_bytes` is the size
/// of a collective's element.
struct KeyContext {
  std::string_view engine_version;
  std::int64_t element_bytes = 2;
};
[[nodiscard]] std::optional<std::int64_t> table_key(KeyRule rule, std::string_view text,
                                                    const KeyContext& context);

/// 1, 2 or 4 of "int8", "half", "bfloat16", "float", ...; 0 when not known.
[[nodiscard]] std::int64_t element_bytes_of(std::string_view type);

/// Compares dotted versions number by number: -1, 0, 1.
[[nodiscard]] int compare_versions(std::string_view a, std::string_view b);

}  // namespace lockstep
