#include "report/observer_fan.hpp"

#include <algorithm>

namespace lockstep {

void ObserverFan::add(RunObserver& observer) {
  observers_.push_back(&observer);
  if (DeviceListener* listener = observer.device_listener()) {
    listeners_.push_back(listener);
  }
}

void ObserverFan::on_work(const DeviceWork& work) {
  for (DeviceListener* listener : listeners_) {
    listener->on_work(work);
  }
}

void ObserverFan::on_phase(const NetworkPhase& phase) {
  for (DeviceListener* listener : listeners_) {
    listener->on_phase(phase);
  }
}

void ObserverFan::on_log(const LogRecord& record) {
  for (RunObserver* observer : observers_) {
    if (record.severity >= observer->min_severity()) {
      observer->on_log(record);
    }
  }
}

void ObserverFan::on_heartbeat(const Heartbeat& heartbeat) {
  for (RunObserver* observer : observers_) {
    observer->on_heartbeat(heartbeat);
  }
}

void ObserverFan::on_step(const StepEvent& step) {
  for (RunObserver* observer : observers_) {
    observer->on_step(step);
  }
}

void ObserverFan::on_batch(const Batch& batch) {
  for (RunObserver* observer : observers_) {
    observer->on_batch(batch);
  }
}

void ObserverFan::on_launch(std::span<Batch* const> batches, Nanos now) {
  for (RunObserver* observer : observers_) {
    observer->on_launch(batches, now);
  }
}

void ObserverFan::on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) {
  for (RunObserver* observer : observers_) {
    observer->on_batch_done(instance, batch, now);
  }
}

void ObserverFan::on_request_done(const Request& request) {
  for (RunObserver* observer : observers_) {
    observer->on_request_done(request);
  }
}

void ObserverFan::on_program(const Batch& batch, const IterationTrace& trace,
                             const Program& program) {
  for (RunObserver* observer : observers_) {
    if (observer->wants_programs()) {
      observer->on_program(batch, trace, program);
    }
  }
}

void ObserverFan::on_poll(std::int32_t npu, std::int64_t iteration, Nanos now, PollAnswer answer) {
  for (RunObserver* observer : observers_) {
    observer->on_poll(npu, iteration, now, answer);
  }
}

LogSeverity ObserverFan::min_severity() const {
  LogSeverity least = LogSeverity::error;
  for (const RunObserver* observer : observers_) {
    least = std::min(least, observer->min_severity());
  }
  return least;
}

bool ObserverFan::wants_steps() const {
  return std::any_of(observers_.begin(), observers_.end(),
                     [](const RunObserver* observer) { return observer->wants_steps(); });
}

bool ObserverFan::wants_batches() const {
  return std::any_of(observers_.begin(), observers_.end(),
                     [](const RunObserver* observer) { return observer->wants_batches(); });
}

bool ObserverFan::wants_programs() const {
  return std::any_of(observers_.begin(), observers_.end(),
                     [](const RunObserver* observer) { return observer->wants_programs(); });
}

bool ObserverFan::wants_polls() const {
  return std::any_of(observers_.begin(), observers_.end(),
                     [](const RunObserver* observer) { return observer->wants_polls(); });
}

DeviceListener* ObserverFan::device_listener() {
  return listeners_.empty() ? nullptr : this;
}

}  // namespace lockstep
