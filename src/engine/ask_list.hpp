// Which of the NPUs that the front end listens to are to be asked.
//
// They stand in the order in which they are asked: the last NPUs of instances, then the first ones.
// One that is free and was asked has nothing new to say until something changes for its instance:
// an NPU of it becomes free, its scheduler hears of something, its group goes on. Only those are
// asked again. Arrivals and heartbeats are heard by whoever is free first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <vector>

#include "base/units.hpp"
#include "config/cluster.hpp"
#include "engine/position_set.hpp"
#include "serving/marked.hpp"

namespace lockstep {

class AskList {
public:
  explicit AskList(const Cluster& cluster);

  /// Instances for which something has changed; anybody may mark them.
  [[nodiscard]] Marked& changed() { return changed_; }

  [[nodiscard]] std::size_t num_ends() const { return num_ends_; }
  /// Of an NPU that is listened to.
  [[nodiscard]] std::optional<std::size_t> position_of(std::int32_t npu) const;
  /// The NPU is free and awake, or not.
  void set_free(std::size_t position, bool is_free);
  /// It is asked in this round or, if its turn is over, in the next.
  void note(std::size_t position) { due_.insert(position); }
  void hold(std::int32_t instance, Nanos begin) { held_.push({begin, instance}); }
  /// Notes the first NPU of every instance whose program begins by now.
  void note_held(Nanos now);
  /// Notes the NPUs of the instances that have changed.
  void note_changed();

  /// Who is asked next, at `from` or behind: who is noted, or whoever hears of an arrival, or, as
  /// first NPU, of a heartbeat. Forgets the note.
  [[nodiscard]] std::optional<std::size_t> next(std::size_t from, bool arrival, bool heartbeat);

  /// Somebody free is to be asked in the next round, whatever happens until then.
  [[nodiscard]] bool anybody_due() const;
  [[nodiscard]] bool anybody_free() const { return num_ends_free_ + num_starts_free_ > 0; }
  [[nodiscard]] bool any_start_free() const { return num_starts_free_ > 0; }
  /// When the first program that is held begins; nothing: none is.
  [[nodiscard]] std::optional<Nanos> first_held() const;

private:
  struct Held {
    Nanos begin;
    std::int32_t instance = 0;
    friend bool operator>(const Held& a, const Held& b) { return a.begin > b.begin; }
  };

  std::size_t num_ends_ = 0;
  std::vector<std::int32_t> position_of_npu_;    ///< -1: not listened to
  std::vector<std::int32_t> start_of_, end_of_;  ///< positions by instance; -1: none
  std::size_t num_ends_free_ = 0, num_starts_free_ = 0;
  Marked changed_;
  PositionSet free_, due_;
  std::priority_queue<Held, std::vector<Held>, std::greater<>> held_;
};

}  // namespace lockstep
