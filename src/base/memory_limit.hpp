// A budget for the memory of this process.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace lockstep {

/// "1000000", "512M", "8G", "8GiB": K, M, G and T count in powers of 1024. Nothing for what is no
/// such size, is 0 or does not fit.
[[nodiscard]] std::optional<std::int64_t> bytes_from_text(std::string_view text);

/// From now on an allocation that would pass `bytes` of data (heap and private mappings, not the
/// program and mapped files) throws std::bad_alloc. Throws UserError where that cannot be set.
void limit_memory(std::int64_t bytes);
/// The budget; nothing when there is none.
[[nodiscard]] std::optional<std::int64_t> memory_limit();

}  // namespace lockstep
