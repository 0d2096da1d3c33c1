#include "engine/ask_list.hpp"

#include <algorithm>

namespace lockstep {
namespace {

constexpr std::int32_t kNone = -1;

std::size_t count_positions(const Cluster& cluster) {
  std::size_t count = 0;
  for (const Instance& instance : cluster.instances) {
    count += instance.width() > 1 ? 2U : 1U;
  }
  return count;
}

}  // namespace

AskList::AskList(const Cluster& cluster)
    : start_of_(cluster.instances.size(), kNone),
      end_of_(cluster.instances.size(), kNone),
      changed_(cluster.instances.size()),
      free_(count_positions(cluster)),
      due_(count_positions(cluster)) {
  std::int32_t position = 0;
  const auto place = [&](std::int32_t npu) {
    const auto needed = static_cast<std::size_t>(npu) + 1;
    position_of_npu_.resize(std::max(position_of_npu_.size(), needed), kNone);
    position_of_npu_[static_cast<std::size_t>(npu)] = position;
    return position++;
  };
  for (const Instance& instance : cluster.instances) {
    if (instance.width() > 1) {
      end_of_[static_cast<std::size_t>(instance.id)] = place(instance.end_npu());
      ++num_ends_;
    }
  }
  for (const Instance& instance : cluster.instances) {
    start_of_[static_cast<std::size_t>(instance.id)] = place(instance.first_npu);
  }
}

std::optional<std::size_t> AskList::position_of(std::int32_t npu) const {
  const auto index = static_cast<std::size_t>(npu);
  if (index >= position_of_npu_.size() || position_of_npu_[index] == kNone) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(position_of_npu_[index]);
}

void AskList::set_free(std::size_t position, bool is_free) {
  if (free_.has(position) == is_free) {
    return;
  }
  std::size_t& count = position < num_ends_ ? num_ends_free_ : num_starts_free_;
  if (is_free) {
    free_.insert(position);
    ++count;
  } else {
    free_.erase(position);
    --count;
  }
}

void AskList::note_held(Nanos now) {
  while (!held_.empty() && held_.top().begin <= now) {
    note(static_cast<std::size_t>(start_of_[static_cast<std::size_t>(held_.top().instance)]));
    held_.pop();
  }
}

void AskList::note_changed() {
  changed_.take([this](std::int32_t instance) {
    const auto index = static_cast<std::size_t>(instance);
    note(static_cast<std::size_t>(start_of_[index]));
    if (end_of_[index] != kNone) {
      note(static_cast<std::size_t>(end_of_[index]));
    }
  });
}

std::optional<std::size_t> AskList::next(std::size_t from, bool arrival, bool heartbeat) {
  const std::size_t bound = num_ends_ + start_of_.size();
  std::size_t first = due_.next(from);
  if (arrival) {
    first = std::min(first, free_.next(from));
  }
  if (heartbeat) {
    first = std::min(first, free_.next(std::max(from, num_ends_)));
  }
  if (first >= bound) {
    return std::nullopt;
  }
  due_.erase(first);
  return first;
}

bool AskList::anybody_due() const {
  const std::size_t bound = num_ends_ + start_of_.size();
  std::size_t position = due_.next(0);
  while (position < bound && !free_.has(position)) {
    position = due_.next(position + 1);  // who is busy is noted again when that ends
  }
  return position < bound;
}

std::optional<Nanos> AskList::first_held() const {
  return held_.empty() ? std::nullopt : std::optional(held_.top().begin);
}

}  // namespace lockstep
