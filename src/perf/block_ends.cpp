#include "perf/block_ends.hpp"

#include <algorithm>

namespace lockstep {

void BlockEnds::reset(std::size_t running, double longest) {
  scale_ = longest > 0 ? static_cast<double>(kBuckets / 2) / longest : 0;
  current_ = 0;
  front_ = kNone;
  used_.fill(0);
  blocks_.resize(running);
  added_ = 0;
}

void BlockEnds::put_in_front(std::size_t place) {
  std::int32_t* link = &front_;
  while (*link != kNone && blocks_[static_cast<std::size_t>(*link)].end < blocks_[place].end) {
    link = &blocks_[static_cast<std::size_t>(*link)].next;
  }
  blocks_[place].next = *link;
  *link = static_cast<std::int32_t>(place);
}

void BlockEnds::sort_front(std::size_t head) {
  sorted_.clear();
  for (auto place = static_cast<std::int32_t>(head); place != kNone;) {
    const Block& block = blocks_[static_cast<std::size_t>(place)];
    sorted_.emplace_back(block.end, place);
    place = block.next;
  }
  std::ranges::sort(sorted_);
  front_ = kNone;
  for (auto i = sorted_.rbegin(); i != sorted_.rend(); ++i) {
    blocks_[static_cast<std::size_t>(i->second)].next = front_;
    front_ = i->second;
  }
}

}  // namespace lockstep
