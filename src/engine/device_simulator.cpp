#include "engine/device_simulator.hpp"

#include <algorithm>
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

  /// Everything of the earliest pending time.
  void step();
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

std::int64_t DeviceSimulator::iteration(std::int32_t npu) const {
  return impl_->npu(npu).iteration();
}

Nanos DeviceSimulator::exposed_communication(std::int32_t npu) const {
  return impl_->parts.now - impl_->npu(npu).computed();
}

bool DeviceSimulator::busy() const {
  return !impl_->parts.queue.empty();
}

void DeviceSimulator::Impl::step() {
  parts.now = parts.queue.next_time();
  DeviceEventQueue::Item item;
  while (parts.queue.pop(parts.now, item)) {
    handle(item);
  }
}

void DeviceSimulator::step() {
  if (impl_->parts.queue.empty()) {
    impl_->parts.now += impl_->idle_step;
  } else {
    impl_->step();
  }
}

Nanos DeviceSimulator::next_time() const {
  return impl_->parts.queue.next_time();
}

void DeviceSimulator::run_until(Nanos horizon, Nanos limit) {
  const std::int64_t finished = impl_->parts.times_finished;
  do {
    impl_->step();
  } while (impl_->parts.now < horizon && impl_->parts.times_finished == finished &&
           !impl_->parts.queue.empty() && impl_->parts.queue.next_time() <= limit);
}

void DeviceSimulator::advance_idle_to(Nanos time) {
  ensure(impl_->parts.queue.empty(), "the clock was moved while something is in flight");
  impl_->parts.now = std::max(impl_->parts.now, time);
}

std::string DeviceSimulator::describe_waits() const {
  return lockstep::describe_waits(impl_->npus, impl_->parts);
}

}  // namespace lockstep
