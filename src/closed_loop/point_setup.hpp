// A measured point as a simulation: which checkpoint, plan, flags and loads it means.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "closed_loop/closed_loop.hpp"
#include "closed_loop/measured_points.hpp"
#include "model/description/model_description.hpp"
#include "model/description/parallel_split.hpp"
#include "serving/server_memory.hpp"
#include "steps/step_options.hpp"

namespace lockstep {

struct PointSetup {
  ModelDescription model;
  ParallelSplit split;
  StepOptions options;
  ServerSettings server;  ///< kv_blocks is still 0
  ServerMemory memory;    ///< gpu is still 0
  ClientSettings client;
  std::vector<RequestLength> lengths;
};

/// `recipe` may be empty: the engine's defaults. `model_dirs` hold configs as
/// <owner>/<model>.json. Throws UserError for what cannot be simulated, in words for the table of
/// points that are left out.
/// `script_limit`: what the script took for the server's sequences and, times ten, for the number
/// of prompts; the point's concurrency unless given.
[[nodiscard]] PointSetup set_up_point(const MeasuredPoint& point, const Recipe& recipe,
                                      const std::vector<std::filesystem::path>& model_dirs,
                                      std::optional<std::int64_t> script_limit = std::nullopt);

/// The server may round products of float32 for the tensor cores.
[[nodiscard]] bool rounds_float32(const Recipe& recipe);

}  // namespace lockstep
