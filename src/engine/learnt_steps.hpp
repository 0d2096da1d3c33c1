// How long steps of decodes take, learnt from those that were simulated.
//
// Two such steps with the same number of tokens and sequences differ in their attention only. Every
// way from the beginning of a step to its end leads through the attention of all layers, so that
// what is left when that is taken off the whole is one and the same time for all of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <tuple>

#include "base/units.hpp"
#include "perf/kernel_times.hpp"
#include "serving/batch.hpp"

namespace lockstep {

/// What steps of one form have in common.
struct StepForm {
  Nanos rest;                       ///< of the step's time, without its attention
  std::int64_t attention_rows = 0;  ///< in all layers
  LookupCounts lookups;             ///< of the other rows
  Nanos least{};                    ///< a step takes no less, whatever its attention

  /// Of a step whose attention takes so long in one layer.
  [[nodiscard]] Nanos time(Nanos attention) const {
    return std::max(rest + attention * attention_rows, least);
  }
};

/// Of one instance. One step at a time is watched.
class LearntSteps {
public:
  /// Null: none of this form has been simulated.
  [[nodiscard]] const StepForm* find(const Batch& batch) const;

  /// `batch` begins at `begin`, on NPUs that are all free; `form` lacks its rest. `attention`: of
  /// one layer.
  void watch(const Batch& batch, Nanos begin, Nanos attention, const StepForm& form);
  /// The watched one will not end.
  void watch_none() { watched_ = -1; }
  /// One of the first and the last NPU has ended a batch, the other has not said so yet.
  void half_done(std::int64_t batch, Nanos now);
  /// Both have; `all_free`: and so has every other. What is learnt counts only if they did at one
  /// time.
  void done(std::int64_t batch, Nanos now, bool one_npu, bool all_free);

private:
  using Key = std::tuple<std::int64_t, std::size_t, GraphUse>;
  [[nodiscard]] static Key key_of(const Batch& batch);

  std::map<Key, StepForm> forms_;
  Key watched_key_{};
  StepForm watched_form_;
  std::int64_t watched_ = -1;  ///< batch id
  Nanos paid_;                 ///< when the step would have ended without its rest
  Nanos first_end_{-1};
};

}  // namespace lockstep
