#include "perf/block_schedule.hpp"

#include <algorithm>
#include <utility>

namespace lockstep {
namespace {

/// The works in their order, from any of them on, over and over.
class Turns {
public:
  Turns(const BlockSchedule::Works& works, std::size_t from)
      : works_(works), at_(from % works.own.size()) {}
  double next() {
    const double work = works_[at_];
    at_ = at_ + 1 == works_.own.size() ? 0 : at_ + 1;
    return work;
  }

private:
  const BlockSchedule::Works& works_;
  std::size_t at_;
};

}  // namespace

std::span<const double> BlockSchedule::ends(const Works& works, std::size_t rounds,
                                            std::size_t running) {
  const std::size_t blocks = works.own.size() * rounds;
  running = std::min(running, blocks);
  const Form form{works.own.size(), rounds, running};
  const bool known = std::exchange(form_, form) == form;
  ascending_.resize(blocks);
  end_of_.resize(blocks);
  if (blocks > 0 && !(known && follow(works, running))) {
    schedule(works, blocks, running);
  }
  return ascending_;
}

/// False: the order has changed too much; what it holds is still every block once.
bool BlockSchedule::follow(const Works& works, std::size_t running) {
  const std::size_t blocks = order_.size();
  const double shortest = std::ranges::min(works.own) + works.each;
  std::size_t moves = blocks;  // more would take longer than to begin anew
  Turns next(works, 0);
  for (std::size_t block = 0; block < running; ++block) {
    end_of_[block] = next.next();
  }
  double last = 0;
  for (std::size_t position = 0; position < blocks; ++position) {
    const double end = end_of_[static_cast<std::size_t>(order_[position])];
    if (end < last) {
      // A block that has ended may have begun with one that moves only if it was that short.
      if (end + shortest <= last) {
        return false;
      }
      const std::size_t place = move_forward(position, end);
      const std::size_t moved = position - place;
      if (moved >= moves) {
        return false;
      }
      moves -= moved;
      Turns again(works, running + place);
      for (std::size_t i = place; i < position && running + i < blocks; ++i) {
        end_of_[running + i] = ascending_[i] + again.next();
      }
    } else {
      ascending_[position] = end;
    }
    last = ascending_[position];
    if (running + position < blocks) {
      end_of_[running + position] = last + next.next();
    }
  }
  return true;
}

/// To where it belongs among those before it.
std::size_t BlockSchedule::move_forward(std::size_t position, double end) {
  const std::int32_t block = order_[position];
  std::size_t place = position;
  for (; place > 0 && ascending_[place - 1] > end; --place) {
    ascending_[place] = ascending_[place - 1];
    order_[place] = order_[place - 1];
  }
  ascending_[place] = end;
  order_[place] = block;
  return place;
}

void BlockSchedule::schedule(const Works& works, std::size_t blocks, std::size_t running) {
  order_.resize(blocks);
  queue_.reset(running, std::ranges::max(works.own) + works.each);
  Turns next(works, 0);
  std::int32_t id = 0;
  for (; static_cast<std::size_t>(id) < running; ++id) {
    queue_.push(next.next(), id);
  }
  for (std::size_t position = 0; position < blocks; ++position) {
    const bool more = static_cast<std::size_t>(id) < blocks;
    const BlockEnds::Block ended = more ? queue_.replace(next.next(), id++) : queue_.pop();
    ascending_[position] = ended.end;
    order_[position] = ended.id;
  }
}

}  // namespace lockstep
