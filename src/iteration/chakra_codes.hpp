// Numbers and attribute names that writer and reader of graph files share.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "network/collective.hpp"

namespace lockstep::chakra {

inline constexpr std::string_view kTensorSize = "tensor_size";
inline constexpr std::string_view kTensorLocation = "tensor_loc";
inline constexpr std::string_view kTensorDevice = "tensor_device";
inline constexpr std::string_view kTensorChannel = "tensor_channel";
inline constexpr std::string_view kCommType = "comm_type";
inline constexpr std::string_view kCommSource = "comm_src";
inline constexpr std::string_view kCommTarget = "comm_dst";
inline constexpr std::string_view kCommSize = "comm_size";
inline constexpr std::string_view kCommTag = "comm_tag";
inline constexpr std::string_view kInvolvedDims = "involved_dim";

/// A message without a collective behind it carries the all-reduce's code.
[[nodiscard]] constexpr std::int64_t collective_code(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::all_gather:
      return 2;
    case CollectiveKind::all_to_all:
      return 6;
    case CollectiveKind::reduce_scatter:
      return 7;
    case CollectiveKind::none:
    case CollectiveKind::all_reduce:
      break;
  }
  return 0;
}

[[nodiscard]] constexpr std::optional<CollectiveKind> collective_from_code(std::int64_t code) {
  for (const CollectiveKind kind : {CollectiveKind::all_reduce, CollectiveKind::all_gather,
                                    CollectiveKind::all_to_all, CollectiveKind::reduce_scatter}) {
    if (collective_code(kind) == code) {
      return kind;
    }
  }
  return std::nullopt;
}

}  // namespace lockstep::chakra
