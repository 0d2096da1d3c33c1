// Leaving out waves: while the members of a group decode for the same requests and nothing comes
// in, a wave of a known form needs no programs (engine/learnt_waves).
#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "engine/controller.hpp"

namespace lockstep {
namespace {

bool accesses_take_no_time(const Program& program, Bytes untimed) {
  return std::ranges::all_of(program.graphs, [untimed](const auto& graph) {
    return std::ranges::all_of(graph->nodes, [untimed](const GraphNode& node) {
      const bool accesses = node.kind == NodeKind::mem_load || node.kind == NodeKind::mem_store;
      return node.kind != NodeKind::pim && (!accesses || node.size <= untimed);
    });
  });
}

}  // namespace

void Controller::run_waves_ahead(Bytes untimed) {
  waves_ahead_.emplace();
  waves_ahead_->untimed = untimed;
}

/// Its place in the group, which all instances are in.
std::size_t Controller::member_of(const ServingInstance& instance) const {
  return static_cast<std::size_t>(instance.config().id);
}

/// When the wave begins that the one which `leader` has made complete has become: `now`, if none
/// was left out.
Nanos Controller::leave_out_waves(std::size_t leader, Nanos now) {
  WavesAhead& ahead = *waves_ahead_;
  const bool together = all_free_ && std::ranges::all_of(instances_, [](const auto& member) {
                          return member->scheduler().num_inflight() == 1;
                        });
  const bool alone = !together && instances_[leader]->config().terms.async_scheduling;
  std::int64_t left = together || alone ? waves_alike(leader, alone, now) : 0;
  ahead.form = left > 0 ? &describe_wave(leader, alone) : nullptr;
  ahead.offsets.clear();
  if (alone && ahead.form != nullptr) {
    const auto offsets = ahead.learnt.known_offsets(*ahead.form);
    ahead.offsets.assign(offsets.begin(), offsets.end());
  }
  ahead.learnt.follow(ahead.form, now);
  if (ahead.form == nullptr || (alone && ahead.offsets.empty())) {
    return now;
  }
  const Nanos begin = repeat_waves(leader, left, now);
  if (begin > now) {
    ahead.learnt.forget_last();
  }
  if (left == 0) {
    ahead.form = nullptr;  // what follows is of another kind
  }
  return begin;
}

/// Lets at most `left` waves pass, and takes those that did from it. Returns when the next begins.
Nanos Controller::repeat_waves(std::size_t leader, std::int64_t& left, Nanos now) {
  WavesAhead& ahead = *waves_ahead_;
  const Nanos last_offset =
      ahead.offsets.empty() ? Nanos{0} : *std::ranges::max_element(ahead.offsets);
  const Nanos horizon = next_happening() - last_offset;
  for (; left > 0; --left) {
    const auto known = ahead.form->find(ahead.attention, ahead.offsets);
    if (!known || (!ahead.offsets.empty() && !known->wave->goes_on_alike()) ||
        now + known->wave->next + known->later >= horizon) {
      break;
    }
    repeat_wave(*known->wave, known->later, leader, now);
    count_wave();
    now += known->wave->next + known->later;
    for (std::size_t m = 0; m < ahead.shapes.size(); ++m) {
      AttentionShape& shape = ahead.shapes[m].attention;
      const std::int64_t grown = launched_[m]->dummy ? 0 : 1;
      shape.kv_decode_mean += grown;
      shape.kv_decode_max += grown;
      shape.kv_decode_min += grown;
    }
    look_up_attention();
  }
  return now;
}

/// How many further waves will be like this one; 0 also where other things than kernels and
/// collectives decide how long it takes. `alone`: members begin when their last batches have ended,
/// the leader first; else together.
std::int64_t Controller::waves_alike(std::size_t leader, bool alone, Nanos now) const {
  if (router_.is_open()) {
    return 0;
  }
  constexpr std::int64_t kAny = std::numeric_limits<std::int64_t>::max();
  std::int64_t left = kAny;
  for (std::size_t m = 0; m < launched_.size() && left > 0; ++m) {
    const bool stays = !alone || stays_alone(*launched_[m], m == leader);
    left = stays ? std::min(left, steps_alike(*launched_[m], now)) : 0;
  }
  return left == kAny ? 0 : left;
}

/// The leader has put its next batch together, unless that is a dummy, for which nobody has called
/// yet; the others have yet to say that the last one ended.
bool Controller::stays_alone(const Batch& batch, bool leads) const {
  const Batch* other = instance_of(batch).scheduler().find_inflight(batch.id + (leads ? 1 : -1));
  const bool called = !(leads && batch.dummy);
  return called ? other != nullptr && other->dummy == batch.dummy : other == nullptr;
}

std::int64_t Controller::steps_alike(const Batch& batch, Nanos now) const {
  ServingInstance& member = instance_of(batch);
  Scheduler& scheduler = member.scheduler();
  if (batch.dummy) {
    const bool stays = scheduler.has_no_requests() && member.plain_dummy(batch, now);
    return stays ? std::numeric_limits<std::int64_t>::max() : 0;
  }
  return member.plain_decodes(batch, now)
             ? std::min(scheduler.steps_alike(now), scheduler.steps_with_room())
             : 0;
}

WaveForm& Controller::describe_wave(std::size_t leader, bool alone) {
  WavesAhead& ahead = *waves_ahead_;
  ahead.members.clear();
  ahead.shapes.clear();
  ahead.batches.clear();
  for (const Batch* batch : launched_) {
    ahead.members.push_back(
        {batch->total_len, std::ssize(batch->entries), batch->graph, batch->dummy});
    ahead.shapes.push_back(shape_of(*batch, false));
    ahead.batches.push_back(batch->id);
  }
  look_up_attention();
  return ahead.learnt.form_of(leader, alone, ahead.members);
}

void Controller::look_up_attention() {
  WavesAhead& ahead = *waves_ahead_;
  ahead.attention.clear();
  ahead.sources.clear();
  for (std::size_t m = 0; m < launched_.size(); ++m) {
    const KernelTime time = instance_of(*launched_[m]).traces().decode_attention(ahead.shapes[m]);
    ahead.attention.push_back(time.time);
    ahead.sources.push_back(time.source);
  }
}

/// All members go on as if a wave like `wave` had begun at `now`. Where they do so by themselves,
/// it is for all but the leader the wave before that ends then, at their distance.
void Controller::repeat_wave(const WaveTimes& wave, Nanos later, std::size_t leader, Nanos now) {
  const WavesAhead& ahead = *waves_ahead_;
  for (std::size_t m = 0; m < launched_.size(); ++m) {
    if (launched_[m]->dummy) {
      continue;
    }
    const bool behind = !ahead.offsets.empty() && m != leader;
    const Nanos end = behind ? now + ahead.offsets[m] : now + wave.ends[m] + later;
    ensure(instance_of(*launched_[m]).scheduler().repeat_step(end), "a wave had no room");
  }
}

void Controller::count_wave() {
  const WavesAhead& ahead = *waves_ahead_;
  for (std::size_t m = 0; m < launched_.size(); ++m) {
    instance_of(*launched_[m])
        .count_lookups({{}, ahead.form->attention_rows, ahead.form->lookups[m]}, ahead.sources[m]);
    count_step(std::ssize(launched_[m]->entries));
  }
}

/// Its programs have been made.
void Controller::watch_wave(Nanos now) {
  WavesAhead& ahead = *waves_ahead_;
  if (ahead.form == nullptr) {
    return;
  }
  WaveForm& form = *ahead.form;
  bool alike = true;
  if (form.lookups.empty()) {
    for (const Batch* batch : launched_) {
      const Program& program = *instance_of(*batch).program(batch->id);
      alike = alike && accesses_take_no_time(program, ahead.untimed) &&
              (form.lookups.empty() || program.attention_rows == form.attention_rows);
      form.attention_rows = program.attention_rows;
      form.lookups.push_back(program.other_lookups);
    }
    form.attention_rows = alike ? form.attention_rows : 0;
  }
  if (form.attention_rows > 0) {
    ahead.learnt.watch(form, ahead.attention, ahead.batches, now);
  }
}

}  // namespace lockstep
