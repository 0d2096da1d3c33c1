#include "network/rank_schedule.hpp"

#include <algorithm>
#include <bit>

#include "base/error.hpp"

namespace lockstep {
namespace {

using Family = CollectiveAlgorithm::Family;

std::int64_t log2_of(std::int64_t n) {
  return std::countr_zero(static_cast<std::uint64_t>(n));
}

}  // namespace

RankSchedule::RankSchedule(const Topology& topology, const CollectivePhase& phase, std::int64_t npu,
                           const Orientation& orientation)
    : phase_(&phase), npu_(npu), total_(phase.steps) {
  const std::int64_t n = phase.group.members;
  switch (phase.algorithm.family) {
    case Family::ring: {
      const std::int64_t forward = orientation.anticlockwise ? -1 : 1;
      next_ = phase.group.member(topology, npu, forward);
      prev_ = phase.group.member(topology, npu, -forward);
      break;
    }
    case Family::direct: {
      const std::int64_t limit = phase.algorithm.window;
      window_ = limit == 0 ? n - 1 : std::min(limit, n - 1);
      break;
    }
    case Family::halving_doubling:
      position_ = phase.group.position(topology, npu);
      break;
    case Family::double_binary_tree: {
      mirrored_ = orientation.mirrored;
      const std::int64_t coordinate = phase.group.position(topology, npu);
      position_ = mirrored_ ? n - 1 - coordinate : coordinate;
      // In-order numbering: the level is the number of trailing ones.
      level_ = std::countr_one(static_cast<std::uint64_t>(position_));
      const bool root = position_ == n - 1;
      const bool leaf = level_ == 0;
      total_ = (root ? 0 : 1) + (leaf ? 0 : (root ? 1 : 2));
      break;
    }
  }
}

std::int64_t RankSchedule::sends_after(std::int64_t processed) const {
  switch (phase_->algorithm.family) {
    case Family::ring:
    case Family::halving_doubling:
      return std::min(processed + 1, total_);
    case Family::direct: {
      const std::int64_t half = phase_->group.members - 1;
      // The gathering half has nothing to send before everything is reduced.
      const bool held = phase_->kind == CollectiveKind::all_reduce && processed < half;
      return std::min(window_ + processed, held ? half : total_);
    }
    case Family::double_binary_tree:
      break;
  }
  const bool root = position_ == phase_->group.members - 1;
  const std::int64_t children = level_ == 0 ? 0 : (root ? 1 : 2);
  const std::int64_t up = root ? 0 : 1;
  if (processed < children) {
    return 0;
  }
  return processed < total_ ? up : up + children;
}

std::int64_t RankSchedule::receives_after(std::int64_t processed) const {
  if (phase_->algorithm.family != Family::double_binary_tree) {
    return sends_after(processed);
  }
  const bool root = position_ == phase_->group.members - 1;
  const std::int64_t children = level_ == 0 ? 0 : (root ? 1 : 2);
  return processed < children ? children : total_;
}

RankSchedule::Message RankSchedule::send(const Topology& topology, std::int64_t index) const {
  const ExchangeGroup& group = phase_->group;
  switch (phase_->algorithm.family) {
    case Family::ring:
      return {next_, phase_->message};
    case Family::direct:
      return {group.member(topology, npu_, index % (group.members - 1) + 1), phase_->message};
    case Family::halving_doubling:
      return {halving_peer(topology, index), halving_size(index)};
    case Family::double_binary_tree:
      break;
  }
  const bool root = position_ == group.members - 1;
  if (!root && index == 0) {
    const bool left = ((position_ >> (level_ + 1)) & 1) == 0;
    const std::int64_t reach = std::int64_t{1} << level_;
    return {tree_member(topology, left ? position_ + reach : position_ - reach), phase_->message};
  }
  const std::int64_t child = root ? index : index - 1;
  const std::int64_t reach = std::int64_t{1} << (level_ - 1);
  return {tree_member(topology, child == 0 ? position_ - reach : position_ + reach),
          phase_->message};
}

RankSchedule::Message RankSchedule::receive(const Topology& topology, std::int64_t index) const {
  const ExchangeGroup& group = phase_->group;
  switch (phase_->algorithm.family) {
    case Family::ring:
      return {prev_, phase_->message};
    case Family::direct:
      return {group.member(topology, npu_, -(index % (group.members - 1) + 1)), phase_->message};
    case Family::halving_doubling:
      return {halving_peer(topology, index), halving_size(index)};
    case Family::double_binary_tree:
      break;
  }
  // Children first, then the parent: the mirror image of what is sent.
  const bool root = position_ == group.members - 1;
  const std::int64_t children = level_ == 0 ? 0 : (root ? 1 : 2);
  return send(topology, index < children ? index + (root ? 0 : 1) : 0);
}

Nanos RankSchedule::reduction(const CollectiveCosts& costs, std::int64_t index) const {
  switch (phase_->algorithm.family) {
    case Family::ring:
      return index < phase_->reductions ? phase_->reduction_time : Nanos{0};
    case Family::direct:
      return direct_reduces(index) ? phase_->reduction_time : Nanos{0};
    case Family::halving_doubling: {
      // As the reference prices it: by the next message, and the last halving one is free.
      const bool halves = phase_->kind != CollectiveKind::all_gather;
      const bool priced = halves && index + 1 < log2_of(phase_->group.members);
      return priced ? costs.reduction(halving_size(index + 1)) : Nanos{0};
    }
    case Family::double_binary_tree:
      break;
  }
  const bool leaf = level_ == 0;
  return leaf ? Nanos{0} : phase_->reduction_time;
}

// The first window_ messages and every later one that a receive releases are numbered in a row;
// they form cycles of two windows whose second half is priced.
bool RankSchedule::direct_reduces(std::int64_t index) const {
  const std::int64_t released = window_ + index;
  const bool second_half = released % (2 * window_) >= window_;
  const std::int64_t cycle = released / (2 * window_);
  switch (phase_->kind) {
    case CollectiveKind::reduce_scatter:
      return second_half;
    case CollectiveKind::all_reduce:
      return second_half && cycle % 2 == 0;
    default:
      return false;
  }
}

Bytes RankSchedule::halving_size(std::int64_t step) const {
  const std::int64_t levels = log2_of(phase_->group.members);
  const std::int64_t size = phase_->input.count();
  if (phase_->kind == CollectiveKind::all_gather) {
    return Bytes{size << step};
  }
  if (step < levels) {
    return Bytes{size >> (step + 1)};
  }
  return Bytes{(size >> (levels + 1)) << (step - levels + 1)};
}

std::int64_t RankSchedule::halving_peer(const Topology& topology, std::int64_t step) const {
  const std::int64_t levels = log2_of(phase_->group.members);
  std::int64_t exponent = step;
  if (phase_->kind == CollectiveKind::all_gather) {
    exponent = levels - 1 - step;
  } else if (step >= levels) {
    exponent = 2 * levels - 1 - step;
  }
  const std::int64_t distance = std::int64_t{1} << exponent;
  const bool forward = (position_ & distance) == 0;
  return phase_->group.member(topology, npu_, forward ? distance : -distance);
}

std::int64_t RankSchedule::tree_member(const Topology& topology, std::int64_t node) const {
  const std::int64_t offset = node - position_;
  return phase_->group.member(topology, npu_, mirrored_ ? -offset : offset);
}

}  // namespace lockstep
