// What the controller keeps to leave out waves of a group.
#pragma once

#include <cstdint>
#include <vector>

#include "base/units.hpp"
#include "engine/learnt_waves.hpp"
#include "iteration/trace_shape.hpp"
#include "perf/time_source.hpp"

namespace lockstep {

struct WavesAhead {
  LearntWaves learnt;
  Bytes untimed;             ///< accesses to host memory of up to this size take no time
  WaveForm* form = nullptr;  ///< of the wave that begins, if it is to be watched
  // Of that wave, by member; reused.
  std::vector<WaveMember> members;
  std::vector<BatchShape> shapes;
  std::vector<TimeSource> sources;
  std::vector<Nanos> attention;
  std::vector<std::int64_t> batches;
  std::vector<Nanos> offsets;  ///< at which they go on by themselves, after the leader
};

}  // namespace lockstep
