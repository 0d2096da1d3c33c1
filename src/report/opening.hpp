// What a run prints before it starts: the name, the settings, the KV capacity of every instance.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/run_options.hpp"
#include "engine/run_result.hpp"
#include "report/painter.hpp"
#include "serving/npu_kv_layout.hpp"

namespace lockstep {

/// Name, version and tagline between rules; the last rule is part of it.
[[nodiscard]] std::string banner(std::string_view version, const Painter& painter);

/// The command-line settings (not the overrides of single instances), then a rule.
/// `kernel_times`: one line a source.
[[nodiscard]] std::string input_configuration(const RunOptions& options, std::string_view run_id,
                                              const std::vector<std::string>& kernel_times,
                                              const Painter& painter);

/// Tokens and blocks of every instance, then a rule.
[[nodiscard]] std::string kv_initialization(std::span<const NpuKvLayout> capacities,
                                            const Painter& painter);

}  // namespace lockstep
