#include "engine/device_simulator.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "engine/device_npu.hpp"
#include "engine/device_waits.hpp"

namespace lockstep {

struct DeviceSimulator::Impl {
  explicit Impl(const DeviceSimulatorSpec& spec) : parts(spec), idle_step(spec.idle_step) {
    const std::int64_t count = parts.islands.num_npus();
    npus.reserve(static_cast<std::size_t>(count));
    for (std::int64_t id = 0; id < count; ++id) {
      npus.emplace_back(static_cast<std::int32_t>(id));
    }
  }

  [[nodiscard]] Npu& npu(std::int32_t id) {
    ensure(id >= 0 && static_cast<std::size_t>(id) < npus.size(), "no such NPU");
    return npus[static_cast<std::size_t>(id)];
  }

  /// Everything of the given time, which no pending event may precede.
  void step(Nanos time);
  [[nodiscard]] Nanos next_time() const;
  void note_owner(const DeviceEventQueue::Item& item);
  void skip_repeats();
  void skip(std::int32_t company, std::int64_t copies, Nanos length);
  void handle(const DeviceEventQueue::Item& item);
  void on_arrival(const Wire::Message& message);
  void on_receive(Npu& receiver, std::int32_t subject);

  DeviceParts parts;
  std::vector<Npu> npus;
  Nanos idle_step;
};

void DeviceSimulator::Impl::handle(const DeviceEventQueue::Item& item) {
  const std::int32_t subject = item.event.subject;
  if (item.event.kind == DeviceEventKind::message_arrives) {
    if (!parts.wire.passes_on(parts.queue, parts.now, subject)) {
      on_arrival(parts.wire.take(subject));
    }
    return;
  }
  Npu& owner = npus[static_cast<std::size_t>(item.owner)];
  bool exchanged = false;
  switch (item.event.kind) {
    case DeviceEventKind::memory_done:
      parts.memory.release(parts.queue, parts.now, owner.node(subject));
      [[fallthrough]];
    case DeviceEventKind::node_done:
      owner.complete(subject, parts);
      break;
    case DeviceEventKind::message_found:
      on_receive(owner, subject);
      break;
    case DeviceEventKind::exchange_waited:
      exchanged = parts.collectives.on_waited(parts.queue, parts.wire, parts.mailbox, parts.now,
                                              item.owner, subject);
      break;
    case DeviceEventKind::exchange_acts:
      exchanged = parts.collectives.on_acts(parts.queue, parts.wire, parts.mailbox, parts.now,
                                            item.owner, subject);
      break;
    case DeviceEventKind::message_arrives:
      break;
  }
  if (exchanged) {
    owner.complete(owner.communicating(), parts);
  }
}

void DeviceSimulator::Impl::on_arrival(const Wire::Message& message) {
  parts.recurrence.couple(message.source, message.receiver);
  if (message.send_node >= 0) {
    npus[static_cast<std::size_t>(message.source)].complete(message.send_node, parts);
  }
  std::int32_t subject = 0;
  if (parts.mailbox.arrive(message.receiver, {message.tag, message.source, message.size},
                           subject)) {
    on_receive(npus[static_cast<std::size_t>(message.receiver)], subject);
  }
}

void DeviceSimulator::Impl::on_receive(Npu& receiver, std::int32_t subject) {
  if (is_collective_receive(subject)) {
    parts.collectives.receive(parts.queue, parts.now, receiver.id(), stream_of_receive(subject));
  } else {
    receiver.complete(subject, parts);
  }
}

DeviceSimulator::DeviceSimulator(DeviceSimulatorSpec spec) : impl_(std::make_unique<Impl>(spec)) {}
DeviceSimulator::~DeviceSimulator() = default;

Nanos DeviceSimulator::now() const {
  return impl_->parts.now;
}

std::int64_t DeviceSimulator::num_npus() const {
  return impl_->parts.islands.num_npus();
}

void DeviceSimulator::listen(DeviceListener* listener) {
  impl_->parts.listener = listener;
  impl_->parts.collectives.listen(listener);
  impl_->parts.meetings.listen(listener);
  if (listener != nullptr) {
    impl_->parts.recurrence.switch_off();  // who listens hears of every copy
  }
}

void DeviceSimulator::start(std::shared_ptr<const NpuGraph> graph) {
  Npu& npu = impl_->npu(graph->npu);
  npu.start(std::move(graph), impl_->parts);
}

void DeviceSimulator::enqueue(std::shared_ptr<const NpuGraph> graph) {
  Npu& npu = impl_->npu(graph->npu);
  npu.enqueue(std::move(graph), impl_->parts);
}

bool DeviceSimulator::finished(std::int32_t npu) const {
  return impl_->npu(npu).finished();
}

void DeviceSimulator::list_finished() {
  impl_->parts.lists_finished = true;
}

void DeviceSimulator::take_finished(std::vector<std::int32_t>& npus) {
  npus.clear();
  npus.swap(impl_->parts.finished);
}

std::int64_t DeviceSimulator::iteration(std::int32_t npu) const {
  return impl_->npu(npu).iteration();
}

Nanos DeviceSimulator::exposed_communication(std::int32_t npu) const {
  return impl_->parts.now - impl_->npu(npu).computed();
}

std::int64_t DeviceSimulator::num_events() const {
  return impl_->parts.queue.num_taken();
}

bool DeviceSimulator::busy() const {
  return !impl_->parts.queue.empty();
}

void DeviceSimulator::Impl::step(Nanos time) {
  parts.now = time;
  const bool notes = parts.recurrence.keeps_times();
  DeviceEventQueue::Item item;
  while (parts.queue.pop(parts.now, item)) {
    if (notes) {
      note_owner(item);
    }
    handle(item);
  }
  if (!parts.recurrence.due().empty()) {
    skip_repeats();
  }
}

void DeviceSimulator::Impl::note_owner(const DeviceEventQueue::Item& item) {
  const bool travels = item.event.kind == DeviceEventKind::message_arrives;
  parts.recurrence.happens(travels ? parts.wire.message(item.event.subject).source : item.owner,
                           parts.now);
}

/// Nobody is taken past the beginning of its last copy.
void DeviceSimulator::Impl::skip_repeats() {
  for (const std::int32_t company : parts.recurrence.due()) {
    std::int64_t left = std::numeric_limits<std::int64_t>::max();
    for (const std::int32_t member : parts.recurrence.members(company)) {
      left = std::min(left, npu(member).copies_left() - 1);
    }
    const Recurrence::Period period = parts.recurrence.period(company);
    const std::int64_t periods = left / period.copies;
    if (periods > 0) {
      skip(company, periods * period.copies, period.length * periods);
      parts.recurrence.skipped(company, parts.now, periods);
    }
  }
  parts.recurrence.clear_due();
}

void DeviceSimulator::Impl::skip(std::int32_t company, std::int64_t copies, Nanos length) {
  const auto members = parts.recurrence.members(company);
  for (const std::int32_t member : members) {
    npu(member).skip(copies);
  }
  parts.queue.postpone(members, length);
  parts.collectives.postpone(members, length);
}

/// Pending, or among the copies left out.
Nanos DeviceSimulator::Impl::next_time() const {
  const Nanos pending = parts.queue.next_time();
  return std::min(pending, parts.recurrence.next_time(parts.now).value_or(pending));
}

void DeviceSimulator::step() {
  if (impl_->parts.queue.empty()) {
    impl_->parts.now += impl_->idle_step;
  } else {
    impl_->step(impl_->next_time());
  }
}

Nanos DeviceSimulator::next_time() const {
  return impl_->next_time();
}

void DeviceSimulator::run_until(Nanos horizon, Nanos limit) {
  const std::int64_t finished = impl_->parts.times_finished;
  const DeviceParts& parts = impl_->parts;
  do {
    Nanos time = parts.queue.next_time();
    if (time >= horizon || time > limit) {  // what was left out before does not matter to anybody
      const Nanos from = std::max(parts.now, horizon - Nanos{1});
      time = std::min(time, parts.recurrence.next_time(from).value_or(time));
    }
    if (time > limit) {
      time = parts.recurrence.last_time(parts.now, limit).value_or(time);
    }
    impl_->step(time);
  } while (parts.now < horizon && parts.times_finished == finished && !parts.queue.empty() &&
           (limit == Nanos::max() || impl_->next_time() <= limit));
}

void DeviceSimulator::advance_idle_to(Nanos time) {
  ensure(impl_->parts.queue.empty() || time < impl_->parts.queue.next_time(),
         "the clock was moved past something in flight");
  impl_->parts.now = std::max(impl_->parts.now, time);
}

std::string DeviceSimulator::describe_waits() const {
  return lockstep::describe_waits(impl_->npus, impl_->parts);
}

}  // namespace lockstep
