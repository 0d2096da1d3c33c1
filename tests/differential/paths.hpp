// The ways through the program that must give the same bytes.
#pragma once

#include <memory>
#include <string>

#include "perf/kernel_time_store.hpp"
#include "random_case.hpp"

namespace lockstep::testing {

enum class Path : std::uint8_t {
  plain,    ///< every layer, every poll
  fast,     ///< equal layers and quiet polls are left out, but every batch is told
  quiet,    ///< as `lockstep run`: steps that nobody sees are left out too
  exported  ///< every layer; each graph is also written to bytes and read back
};

/// Result file, batches and figures of a run, or the message by which it was refused. Throws
/// std::logic_error for a run that does not end and for a graph that comes back another.
[[nodiscard]] std::string outcome_of(const Case& made, Path path,
                                     std::shared_ptr<KernelTimeStore> bundles);

/// Without the batches, which a quiet run does not tell.
[[nodiscard]] std::string without_batches(const std::string& outcome);

/// Whether an outcome is a refusal.
[[nodiscard]] bool is_refusal(const std::string& outcome);

}  // namespace lockstep::testing
