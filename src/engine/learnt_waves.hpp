// How long waves of decodes take, learnt from those that were simulated.
//
// Every end in a wave comes about by adding durations and by waiting for the last of several
// things. So it is the longest of all ways to it, and each way leads, in every layer, through the
// attention of one member. Waves of one form differ in that attention only: with a_m for a layer of
// member m, and L layers, a wave ends after
//     max over ways w of  c(w) + sum over m of n_m(w) a_m,   where the n_m(w) of a way add up to L.
//
// Let two waves differ by d_m in a_m, one d_m being greater than all others, and let the second end
// later than the first by L d_m. No way has grown by so much but those that take the attention of m
// in all layers; hence one of these is the longest in both. It still is in every wave that differs
// from the first by some d of which d_m is the greatest, and such a wave ends later by L d_m.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/units.hpp"
#include "perf/kernel_times.hpp"
#include "serving/batch.hpp"

namespace lockstep {

/// What the program of a member depends on, its attention aside.
struct WaveMember {
  std::int64_t tokens = 0;
  std::int64_t sequences = 0;
  GraphUse graph = GraphUse::none;
  bool dummy = false;
  friend auto operator<=>(const WaveMember&, const WaveMember&) = default;
};

/// One wave. Vectors are by member; times count from its beginning.
struct WaveTimes {
  std::vector<Nanos> attention;  ///< of one layer
  std::vector<Nanos> begins, ends;
  Nanos next;  ///< when the next wave began

  /// Where members go on by themselves: the next wave begins at the same distances.
  [[nodiscard]] bool goes_on_alike() const;
};

/// What waves of one form have in common.
struct WaveForm {
  std::int64_t attention_rows = 0;    ///< of a member, in all layers
  std::vector<LookupCounts> lookups;  ///< by member: of the other rows
  std::vector<WaveTimes> simulated;   ///< some that say nothing about others yet
  /// By member m: waves in which the longest way takes its attention in all layers.
  std::vector<std::vector<WaveTimes>> led_by;

  /// A wave with this attention ends as the one returned, but later by so much. `begins`: of its
  /// members; empty where they follow from who leads.
  struct Answer {
    const WaveTimes* wave = nullptr;
    Nanos later;
  };
  [[nodiscard]] std::optional<Answer> find(std::span<const Nanos> attention,
                                           std::span<const Nanos> begins) const;
  /// `wave` has been simulated.
  void learn(const WaveTimes& wave);

private:
  void learn_from_pair(const WaveTimes& first, const WaveTimes& second);
};

/// Of one group.
class LearntWaves {
public:
  /// The form of waves that `leader` starts, being the one by which they become complete. `alone`:
  /// each of the others begins when its last batch has ended.
  [[nodiscard]] WaveForm& form_of(std::size_t leader, bool alone,
                                  std::span<const WaveMember> members);

  /// Where members go on by themselves, and the wave under way is of this form: at which distances
  /// it ends, and the next one begins. Empty: not known.
  [[nodiscard]] std::span<const Nanos> known_offsets(const WaveForm& form) const;
  /// Those before it have been left out, of which nobody will hear.
  void forget_last() { last_.form = nullptr; }
  /// A wave begins at `now`, of this form if it is a plain one (else null).
  void follow(const WaveForm* form, Nanos now);
  /// The wave that begins at `now`, or later if those before it are left out, is watched; its form
  /// has its look-ups. Another one like it follows.
  void watch(WaveForm& form, std::span<const Nanos> attention,
             std::span<const std::int64_t> batches, Nanos now);
  /// Member `member` begins or ends its batch.
  void begins(std::size_t member, std::int64_t batch, Nanos now);
  void ends(std::size_t member, std::int64_t batch, Nanos now);

private:
  /// One is under way while the ends of the one before it are still being told.
  struct Watched {
    WaveForm* form = nullptr;
    WaveTimes times;
    std::vector<std::int64_t> batches;
    Nanos begin;
    std::size_t missing = 0;  ///< ends not told yet
    bool followed = false;    ///< the next wave has begun
  };
  void close(Watched& wave);

  struct Key {
    std::size_t leader = 0;
    bool alone = false;
    std::vector<WaveMember> members;
    friend auto operator<=>(const Key&, const Key&) = default;
  };
  std::map<Key, WaveForm> forms_;
  Key key_;  ///< reused
  Watched current_, last_;
};

}  // namespace lockstep
