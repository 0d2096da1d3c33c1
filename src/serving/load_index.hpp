// Which of many instances has the least load, without asking all of them.
//
// A tree of minima over the instances. A scheduler notes itself when its queues change; its load
// is looked up again when somebody next wants to know.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "serving/marked.hpp"
#include "serving/scheduler.hpp"

namespace lockstep {

/// Queue length, waiting requests counting four times, relative to what the instance can run.
[[nodiscard]] double load_score(const Scheduler& scheduler);

class LoadIndex {
public:
  /// The schedulers must outlive the index, and each is in one at a time. None: nothing is indexed.
  explicit LoadIndex(std::vector<Scheduler*> schedulers);
  ~LoadIndex();
  LoadIndex(const LoadIndex&) = delete;
  LoadIndex& operator=(const LoadIndex&) = delete;

  /// Place of the least load; among equals the first from `first` on, going round.
  [[nodiscard]] std::size_t least(std::size_t first);

private:
  void look_again();
  /// The first place in [from, to) of load `least_`'s minimum there; `to` when it is empty.
  [[nodiscard]] std::size_t first_least(std::size_t from, std::size_t to) const;
  void search(std::size_t node, std::size_t begin, std::size_t size, std::size_t from,
              std::size_t to, std::size_t& best) const;

  std::vector<Scheduler*> schedulers_;
  std::size_t leaves_ = 1;
  std::vector<double> least_;  ///< by node of the tree; leaves from leaves_ on
  Marked changed_;
};

}  // namespace lockstep
