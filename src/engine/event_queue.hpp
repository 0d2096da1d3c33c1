// Pending events in the order in which they are handled.
//
// Two levels. Events of one time run first-in first-out. What an NPU schedules for itself goes to
// that NPU's list for that time; a list stands in the queue at the place of its first entry and
// runs through in one go, entries that join while it runs included. A finished list is gone: a
// later entry for the same NPU and time opens a new one at the end.
//
// It is one heap ordered by (time, place, number within the list): the entries of a list share
// their place. Small copyable events, no allocation once the arrays have grown.
//
// Putting off all events of an NPU only notes by how much. Each is moved when it comes to the front
// of the heap, which it does not later than before, so that the front is always in its true place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "base/units.hpp"

namespace lockstep {

template <class Event>
class EventQueue {
public:
  static constexpr std::int32_t kNoOwner = -1;

  struct Item {
    std::int32_t owner = kNoOwner;  ///< NPU whose list it was in
    Event event{};
  };

  explicit EventQueue(std::size_t num_npus) : npus_(num_npus) {}

  [[nodiscard]] bool empty() const { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const { return heap_.size(); }
  /// Of the earliest event; the queue must not be empty.
  [[nodiscard]] Nanos next_time() const { return Nanos{heap_.front().time}; }
  /// Events taken so far.
  [[nodiscard]] std::int64_t num_taken() const { return num_taken_; }

  /// An event of no NPU's own. It is put off with those of `cause`, if that is one.
  void push(Nanos time, const Event& event, std::int32_t cause = kNoOwner) {
    sift_up({time.count(), put_off_of(cause), next_place_++, 0, cause, {kNoOwner, event}});
  }

  /// An event that `npu` schedules for itself.
  void push_own(std::int32_t npu, Nanos time, const Event& event) {
    OfNpu& own = npus_[static_cast<std::size_t>(npu)];
    List* list = own.find([time](const List& other) { return other.time == time.count(); });
    if (list != nullptr) {
      sift_up({list->time, own.put_off, list->place, ++list->last, npu, {npu, event}});
      return;
    }
    own.open({time.count(), next_place_, 0});
    sift_up({time.count(), own.put_off, next_place_++, 0, npu, {npu, event}});
  }

  /// Takes the next event of exactly this time, which no pending event may precede. False, and
  /// the running list is closed, when there is none.
  bool pop(Nanos time, Item& out) {
    const bool any = !heap_.empty() && heap_.front().time == time.count();
    if (running_ != kNoOwner && (!any || heap_.front().place != running_place_)) {
      close_running();
    }
    if (!any) {
      return false;
    }
    out = heap_.front().item;
    if (out.owner != kNoOwner) {
      running_ = out.owner;
      running_place_ = heap_.front().place;
    }
    ++num_taken_;
    remove_front();
    settle_front();
    return true;
  }

  /// Moves the pending events and lists of the NPUs in `owners` later by `by`, and the events that
  /// they caused; they keep their order. Not while a time is being handled.
  void postpone(std::span<const std::int32_t> owners, Nanos by) {
    for (const std::int32_t owner : owners) {
      npus_[static_cast<std::size_t>(owner)].postpone(by.count());
    }
    settle_front();
  }

private:
  struct Entry {
    std::int64_t time;
    std::int64_t put_off;  ///< what its cause had been put off by when `time` was right
    std::uint64_t place;
    std::uint32_t number;
    std::int32_t cause;
    Item item;
  };
  struct List {
    std::int64_t time;
    std::uint64_t place;
    std::uint32_t last;  ///< number of the newest entry
  };
  /// What an NPU has pending. Most have one list; it lies in place.
  struct OfNpu {
    std::int64_t put_off = 0;  ///< all that its events were ever put off by
    List first{kNever, 0, 0};
    std::vector<List> others{};

    template <class Wanted>
    List* find(const Wanted& wanted) {
      if (first.time != kNever && wanted(first)) {
        return &first;
      }
      const auto found = std::ranges::find_if(others, wanted);
      return found == others.end() ? nullptr : &*found;
    }
    void open(const List& list) {
      if (first.time == kNever) {
        first = list;
      } else {
        others.push_back(list);
      }
    }
    void close(List& list) {
      if (&list == &first) {
        first.time = kNever;
      } else {
        list = others.back();
        others.pop_back();
      }
    }
    void postpone(std::int64_t by) {
      put_off += by;
      first.time += first.time == kNever ? 0 : by;
      for (List& list : others) {
        list.time += by;
      }
    }
  };
  static constexpr std::int64_t kNever = -1;

  static bool precedes(const Entry& a, const Entry& b) {
    if (a.time != b.time) {
      return a.time < b.time;
    }
    if (a.place != b.place) {
      return a.place < b.place;
    }
    return a.number < b.number;
  }

  [[nodiscard]] std::int64_t put_off_of(std::int32_t npu) const {
    return npu == kNoOwner ? 0 : npus_[static_cast<std::size_t>(npu)].put_off;
  }

  /// Moves what stands at the front, but has been put off, to its place.
  void settle_front() {
    while (!heap_.empty()) {
      Entry front = heap_.front();
      const std::int64_t put_off = put_off_of(front.cause);
      if (front.put_off == put_off) {
        return;
      }
      front.time += put_off - front.put_off;
      front.put_off = put_off;
      sift_down(front);
    }
  }

  void sift_up(const Entry& entry) {
    std::size_t hole = heap_.size();
    heap_.push_back(entry);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / 2;
      if (!precedes(entry, heap_[parent])) {
        break;
      }
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = entry;
  }

  void remove_front() {
    const Entry last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) {
      sift_down(last);
    }
  }

  /// Puts `last` in the place of the front.
  void sift_down(const Entry& last) {
    const std::size_t size = heap_.size();
    std::size_t hole = 0;
    while (true) {
      std::size_t child = 2 * hole + 1;
      if (child >= size) {
        break;
      }
      if (child + 1 < size && precedes(heap_[child + 1], heap_[child])) {
        ++child;
      }
      if (!precedes(heap_[child], last)) {
        break;
      }
      heap_[hole] = heap_[child];
      hole = child;
    }
    heap_[hole] = last;
  }

  void close_running() {
    OfNpu& own = npus_[static_cast<std::size_t>(running_)];
    List* list = own.find([this](const List& other) { return other.place == running_place_; });
    ensure(list != nullptr, "the event queue lost a list");
    own.close(*list);
    running_ = kNoOwner;
  }

  std::vector<Entry> heap_;
  std::vector<OfNpu> npus_;
  std::uint64_t next_place_ = 0;
  std::int64_t num_taken_ = 0;
  std::int32_t running_ = kNoOwner;
  std::uint64_t running_place_ = 0;
};

}  // namespace lockstep
