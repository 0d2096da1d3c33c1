#include "serving/load_index.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace lockstep {
namespace {

constexpr double kNobody = std::numeric_limits<double>::infinity();

}  // namespace

double load_score(const Scheduler& scheduler) {
  const auto queued = 4 * static_cast<std::int64_t>(scheduler.num_waiting()) +
                      static_cast<std::int64_t>(scheduler.num_running());
  const std::int64_t max_num_seqs = scheduler.instance().max_num_seqs;
  const auto score = static_cast<double>(queued);
  return max_num_seqs == 0 ? score : score / static_cast<double>(max_num_seqs);
}

LoadIndex::LoadIndex(std::vector<Scheduler*> schedulers)
    : schedulers_(std::move(schedulers)),
      leaves_(std::bit_ceil(std::max<std::size_t>(schedulers_.size(), 1))),
      least_(2 * leaves_, kNobody),
      changed_(schedulers_.size()) {
  for (std::size_t i = 0; i < schedulers_.size(); ++i) {
    schedulers_[i]->note_load_in(&changed_, static_cast<std::int32_t>(i));
  }
  changed_.mark_all();
}

LoadIndex::~LoadIndex() {
  for (Scheduler* scheduler : schedulers_) {
    scheduler->note_load_in(nullptr, 0);
  }
}

void LoadIndex::look_again() {
  changed_.take([this](std::int32_t place) {
    std::size_t node = leaves_ + static_cast<std::size_t>(place);
    least_[node] = load_score(*schedulers_[static_cast<std::size_t>(place)]);
    for (node /= 2; node > 0; node /= 2) {
      least_[node] = std::min(least_[2 * node], least_[2 * node + 1]);
    }
  });
}

std::size_t LoadIndex::least(std::size_t first) {
  look_again();
  const std::size_t count = schedulers_.size();
  const std::size_t behind = first_least(first, count);
  const std::size_t before = first_least(0, first);
  if (behind == count || (before < first && least_[leaves_ + before] < least_[leaves_ + behind])) {
    return before;
  }
  return behind;
}

std::size_t LoadIndex::first_least(std::size_t from, std::size_t to) const {
  std::size_t best = to;
  search(1, 0, leaves_, from, to, best);
  return best;
}

/// The left half first, so that among equals the first place stays.
void LoadIndex::search(std::size_t node, std::size_t begin, std::size_t size, std::size_t from,
                       std::size_t to, std::size_t& best) const {
  const double found = best < to ? least_[leaves_ + best] : kNobody;
  if (begin >= to || begin + size <= from || least_[node] >= found) {
    return;
  }
  if (size == 1) {
    best = begin;
    return;
  }
  search(2 * node, begin, size / 2, from, to, best);
  search(2 * node + 1, begin + size / 2, size / 2, from, to, best);
}

}  // namespace lockstep
