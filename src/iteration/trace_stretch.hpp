// Lengthens or shortens what a trace computes, all rows alike.
#pragma once

#include "iteration/trace.hpp"

namespace lockstep {

/// Sum of all rows' compute times, repetitions included; collectives are not in it.
[[nodiscard]] Nanos compute_time(const IterationTrace& trace);

/// The part of it that an instance's NPUs compute, as their energy is booked: experts of several
/// ranks run beside each other, so the slowest counts; attention in memory is not theirs.
[[nodiscard]] Nanos npu_time(const IterationTrace& trace);

/// Scales the compute time of every row so that their sum changes by about `extra` (a row's
/// rounding off, at most); a row keeps at least a twentieth of its time.
void stretch(IterationTrace& trace, Nanos extra);

}  // namespace lockstep
