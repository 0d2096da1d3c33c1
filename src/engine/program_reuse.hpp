// Taking a program again: steps of decodes of one form have the same graphs, but for the time of
// their attention.
#pragma once

#include <cstdint>
#include <list>
#include <optional>

#include "config/cluster.hpp"
#include "engine/program.hpp"
#include "iteration/trace.hpp"
#include "iteration/trace_builder.hpp"
#include "iteration/trace_shape.hpp"

namespace lockstep {

/// Whether nothing but batches decides what the rows of this instance's steps are, and in what
/// order they run.
[[nodiscard]] bool steps_repeat(const Instance& instance, const TraceSettings& settings);

/// `shape`: of the batch. Nothing: the step has prompts, or transfers of its own.
[[nodiscard]] std::optional<StepKey> step_key(const Batch& batch, const BatchShape& shape,
                                              std::int64_t wave_len);

/// A program of `key` among those that nobody runs any more; the end: there is none.
[[nodiscard]] std::list<Program>::iterator find_reusable(std::list<Program>& spare,
                                                         const StepKey& key);

/// Its attention takes `attention` from now on, in every layer.
void retime(Program& program, Nanos attention);

/// Notes how `program`, built from `trace` just now, may be taken again for steps of `key`.
void make_reusable(Program& program, const StepKey& key, const IterationTrace& trace,
                   const GraphBuilder& graphs);

}  // namespace lockstep
