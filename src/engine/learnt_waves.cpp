#include "engine/learnt_waves.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {
namespace {

/// Waves of a form that are kept while nothing follows from them.
constexpr std::size_t kKept = 16;

/// By how much the attention of member `m` differs, if that of nobody else differs by more; with
/// `alone`, by as much either.
std::optional<Nanos> greatest_at(std::size_t m, std::span<const Nanos> first,
                                 std::span<const Nanos> second, bool alone) {
  const Nanos own = second[m] - first[m];
  for (std::size_t i = 0; i < first.size(); ++i) {
    const Nanos other = second[i] - first[i];
    if (i != m && (other > own || (alone && other == own))) {
      return std::nullopt;
    }
  }
  return own;
}

bool all_later_by(Nanos difference, const WaveTimes& first, const WaveTimes& second) {
  return second.next - first.next == difference &&
         std::ranges::equal(first.ends, second.ends,
                            [difference](Nanos a, Nanos b) { return b - a == difference; });
}

}  // namespace

bool WaveTimes::goes_on_alike() const {
  return std::ranges::equal(begins, ends, [this](Nanos a, Nanos b) { return b - a == next; });
}

std::optional<WaveForm::Answer> WaveForm::find(std::span<const Nanos> attention,
                                               std::span<const Nanos> begins) const {
  const auto begins_so = [begins](const WaveTimes& wave) {
    return begins.empty() || std::ranges::equal(wave.begins, begins);
  };
  for (std::size_t m = 0; m < led_by.size(); ++m) {
    for (const WaveTimes& wave : led_by[m]) {
      const auto own = greatest_at(m, wave.attention, attention, false);
      if (own && begins_so(wave)) {
        return Answer{&wave, *own * attention_rows};
      }
    }
  }
  for (const WaveTimes& wave : simulated) {
    if (std::ranges::equal(wave.attention, attention) && begins_so(wave)) {
      return Answer{&wave, Nanos{0}};
    }
  }
  return std::nullopt;
}

void WaveForm::learn(const WaveTimes& wave) {
  if (const auto known = find(wave.attention, wave.begins)) {
    ensure(all_later_by(known->later, *known->wave, wave),
           "a wave took another time than expected");
    return;
  }
  for (const WaveTimes& other : simulated) {
    learn_from_pair(other, wave);
    learn_from_pair(wave, other);
  }
  if (find(wave.attention, wave.begins)) {
    return;
  }
  if (simulated.size() == kKept) {
    simulated.erase(simulated.begin());
  }
  simulated.push_back(wave);
}

void WaveForm::learn_from_pair(const WaveTimes& first, const WaveTimes& second) {
  if (first.begins != second.begins) {
    return;
  }
  led_by.resize(first.attention.size());
  for (std::size_t m = 0; m < led_by.size(); ++m) {
    const auto own = greatest_at(m, first.attention, second.attention, true);
    if (!own || !all_later_by(*own * attention_rows, first, second)) {
      continue;
    }
    std::erase_if(led_by[m], [&](const WaveTimes& known) {  // what the new one says, too
      return known.begins == first.begins &&
             greatest_at(m, first.attention, known.attention, false).has_value();
    });
    led_by[m].push_back(first);
  }
}

WaveForm& LearntWaves::form_of(std::size_t leader, bool alone,
                               std::span<const WaveMember> members) {
  key_.leader = leader;
  key_.alone = alone;
  key_.members.assign(members.begin(), members.end());
  const auto found = forms_.find(key_);
  return found != forms_.end() ? found->second : forms_[key_];
}

void LearntWaves::follow(const WaveForm* form, Nanos now) {
  last_.form = nullptr;
  if (current_.form != nullptr && current_.form == form) {
    std::swap(last_, current_);
    last_.times.next = now - last_.begin;
    last_.followed = true;
    close(last_);
  }
  current_.form = nullptr;
}

std::span<const Nanos> LearntWaves::known_offsets(const WaveForm& form) const {
  if (current_.form != &form) {
    return {};
  }
  const auto known = form.find(current_.times.attention, current_.times.begins);
  return known && known->wave->goes_on_alike() ? known->wave->begins : std::span<const Nanos>{};
}

void LearntWaves::watch(WaveForm& form, std::span<const Nanos> attention,
                        std::span<const std::int64_t> batches, Nanos now) {
  current_.form = &form;
  current_.begin = now;
  current_.followed = false;
  current_.times.attention.assign(attention.begin(), attention.end());
  current_.times.begins.assign(attention.size(), Nanos{-1});
  current_.times.ends.assign(attention.size(), Nanos{-1});
  current_.batches.assign(batches.begin(), batches.end());
  current_.missing = attention.size();
}

void LearntWaves::begins(std::size_t member, std::int64_t batch, Nanos now) {
  if (current_.form != nullptr && current_.batches[member] == batch) {
    current_.times.begins[member] = now - current_.begin;
  }
}

void LearntWaves::ends(std::size_t member, std::int64_t batch, Nanos now) {
  for (Watched* wave : {&last_, &current_}) {
    if (wave->form != nullptr && wave->batches[member] == batch) {
      wave->times.ends[member] = now - wave->begin;
      --wave->missing;
      close(*wave);
      return;
    }
  }
}

void LearntWaves::close(Watched& wave) {
  if (wave.missing > 0 || !wave.followed) {
    return;
  }
  wave.form->learn(wave.times);
  wave.form = nullptr;
}

}  // namespace lockstep
