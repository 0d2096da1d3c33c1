// One NPU: its program, what of it is ready, and what may run at once.
//
// A program is a dependency graph. Of the nodes whose parents have ended the lowest number goes
// first; one computation and one collective or send run at a time, receives and memory accesses
// at any number. When a program has ended the next one in the queue begins at the same time. A loop
// of a program is run copy by copy; what is known to repeat may be skipped (engine/recurrence).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/device_collective.hpp"
#include "engine/device_event.hpp"
#include "engine/device_islands.hpp"
#include "engine/device_listener.hpp"
#include "engine/device_mailbox.hpp"
#include "engine/device_meetings.hpp"
#include "engine/device_memory.hpp"
#include "engine/device_wire.hpp"
#include "engine/recurrence.hpp"
#include "iteration/graph.hpp"

namespace lockstep {

/// What all NPUs share.
struct DeviceParts {
  explicit DeviceParts(const DeviceSimulatorSpec& spec);

  void note_finished(std::int32_t npu) {
    ++times_finished;
    if (lists_finished) {
      finished.push_back(npu);
    }
  }

  Islands islands;
  Nanos now;
  std::int64_t times_finished = 0;  ///< how often an NPU has run out of programs
  bool lists_finished = false;
  std::vector<std::int32_t> finished{};  ///< NPUs that have, since somebody took the list
  DeviceEventQueue queue;
  Wire wire;
  Mailbox mailbox;
  MemoryDevices memory;
  Collectives collectives;
  Recurrence recurrence;
  Meetings meetings;
  DeviceListener* listener = nullptr;  ///< null: nobody
};

class Npu {
public:
  static constexpr std::int32_t kNoNode = -1;

  explicit Npu(std::int32_t id) : id_(id) {}

  using Program = std::shared_ptr<const NpuGraph>;
  /// Begins a program now; the NPU must be finished.
  void start(Program program, DeviceParts& parts);
  /// Begins it when all earlier ones have ended.
  void enqueue(Program program, DeviceParts& parts);
  /// Node v has ended now: frees what waited for it and issues what can run.
  void complete(std::int32_t v, DeviceParts& parts);

  [[nodiscard]] std::int32_t id() const { return id_; }
  [[nodiscard]] bool finished() const { return program_ == nullptr; }
  [[nodiscard]] std::int64_t iteration() const { return iteration_; }
  [[nodiscard]] Nanos computed() const { return computed_; }  ///< issued since the start
  /// Of the loop under way: copies that have not ended; 0: none is under way.
  [[nodiscard]] std::int64_t copies_left() const { return copies_left_; }
  /// As if so many copies of the loop had been run.
  void skip(std::int64_t copies);
  /// The collective or send under way, or kNoNode.
  [[nodiscard]] std::int32_t communicating() const { return communicating_; }
  [[nodiscard]] std::int32_t remaining() const { return remaining_; }
  [[nodiscard]] const GraphNode& node(std::int32_t v) const {
    return program_->nodes[static_cast<std::size_t>(v)];
  }

private:
  void load(Program program);
  void run(Program program, DeviceParts& parts);
  void issue_ready(DeviceParts& parts);
  [[nodiscard]] bool slot_free(NodeKind kind) const;
  /// False when the node takes no time and has ended already.
  bool issue(std::int32_t v, DeviceParts& parts);
  void send(std::int32_t v, DeviceParts& parts);
  void tell(std::int32_t v, DeviceParts& parts) const;
  void pass_on(std::int32_t v, DeviceParts& parts);
  bool turn_back(std::int32_t v, DeviceParts& parts);
  void free_children(std::int32_t v);
  void add_ready(std::int32_t v);

  std::int32_t id_;
  Program program_;
  std::deque<Program> queued_;
  std::int64_t iteration_ = -1;
  Nanos computed_;
  std::vector<std::int32_t> missing_parents_;
  std::vector<Nanos> begun_;  ///< by node; only while somebody listens
  /// Ascending; during a pass the part before next_ready_ has been looked at.
  std::vector<std::int32_t> ready_;
  std::size_t next_ready_ = 0;
  std::int32_t remaining_ = 0;
  std::size_t loop_ = 0;  ///< the next loop of the program, or the one under way
  std::int64_t copies_left_ = 0;
  bool computing_ = false;
  std::int32_t communicating_ = kNoNode;
};

}  // namespace lockstep
