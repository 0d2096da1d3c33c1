// The scheduler and its block pool once more, slow and obvious: lists that are searched from the
// front, whole prefixes as keys, nothing kept that can be counted. Written from the rules alone, to
// run beside the real one. One instance without prefill/decode roles and without a lower tier.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace lockstep::testing {

struct PlainRequest {
  std::int64_t id = 0, arrival = 0, input = 0, target = 0, priority = 0;
  std::vector<std::int32_t> tokens;  ///< ids of the prompt; empty: never cached
  std::int64_t computed = 0, reached = 0, hit = 0, preemptions = 0, cached_blocks = 0;
  bool first_token_due = true, running = false, finished = false;
  std::vector<std::int64_t> table, itl;
  std::int64_t queued = -1, ttft = -1, latency = -1, recent = 0;
};

struct PlainEntry {
  PlainRequest* request;
  std::int64_t tokens, before;
};

class PlainScheduler {
public:
  struct Settings {
    std::int64_t blocks, block_size, budget, most_running, threshold, in_flight;
    bool caching, reserve, chunked, by_priority;
    bool prompts_first = false, decodes_first = false;
  };
  explicit PlainScheduler(const Settings& settings)
      : s_(settings), refs_(static_cast<std::size_t>(settings.blocks), 0), keys_(refs_.size()) {
    for (std::int64_t block = 0; block < settings.blocks; ++block) {
      free_.push_back(block);
    }
  }

  /// Halving as the rules say: preempted requests at the front may be out of order.
  void add(PlainRequest& request) {
    if (s_.by_priority) {
      const auto later = [&](const PlainRequest* other) {
        return std::tuple(other->priority, other->arrival, other->id) >
               std::tuple(request.priority, request.arrival, request.id);
      };
      waiting_.insert(std::find_if(waiting_.begin(), waiting_.end(), later), &request);
      return;
    }
    std::size_t low = 0;
    for (std::size_t high = waiting_.size(); low < high;) {
      const std::size_t middle = (low + high) / 2;
      const PlainRequest& other = *waiting_[middle];
      if (std::pair(request.arrival, request.id) < std::pair(other.arrival, other.id)) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    waiting_.insert(waiting_.begin() + static_cast<std::ptrdiff_t>(low), &request);
  }

  /// The new batch's number, or -1.
  std::int64_t schedule(std::int64_t now) {
    if (std::ssize(flights_) >= s_.in_flight) {
      return -1;
    }
    std::vector<PlainEntry> entries;
    std::int64_t budget = s_.budget;
    const bool somebody_decodes = std::any_of(running_.begin(), running_.end(), is_decoding);
    if (s_.decodes_first && somebody_decodes) {
      continue_running(entries, budget, is_decoding);
    } else if (s_.prompts_first || s_.decodes_first) {
      const auto is_prompt = [](const PlainRequest* request) { return !is_decoding(request); };
      if (!continue_running(entries, budget, is_prompt)) {
        admit(entries, budget, now);
      }
      if (entries.empty() && s_.prompts_first) {
        continue_running(entries, budget, is_decoding);
      }
    } else if (!continue_running(entries, budget, [](const PlainRequest*) { return true; })) {
      admit(entries, budget, now);
    }
    if (entries.empty()) {
      return -1;
    }
    for (PlainEntry& entry : entries) {
      if (entry.request->first_token_due) {
        entry.request->queued = now - entry.request->arrival;
      }
      entry.request->computed = entry.before + entry.tokens;
    }
    flights_[next_] = entries;
    return next_++;
  }

  void finish(std::int64_t batch, std::int64_t now) {
    const std::vector<PlainEntry> entries = flights_.at(batch);
    for (const PlainEntry& entry : entries) {
      finish(*entry.request, now);
    }
    flights_.erase(batch);
  }

  [[nodiscard]] std::string text(std::int64_t batch) const {
    std::string line;
    for (const PlainEntry& entry : flights_.at(batch)) {
      line += fmt::format("{}r{} {}@{}", line.empty() ? "" : ", ", entry.request->id, entry.tokens,
                          entry.before);
    }
    return line;
  }
  [[nodiscard]] const std::vector<std::int64_t>& free_blocks() const { return free_; }
  [[nodiscard]] bool empty() const {
    return waiting_.empty() && running_.empty() && flights_.empty();
  }
  [[nodiscard]] std::int64_t preemptions() const { return preemptions_; }

private:
  using Key = std::vector<std::int32_t>;

  [[nodiscard]] std::int64_t capped(std::int64_t tokens) const {
    return s_.threshold > 0 ? std::min(tokens, s_.threshold) : tokens;
  }
  [[nodiscard]] std::int64_t blocks_of(std::int64_t tokens) const {
    return (tokens + s_.block_size - 1) / s_.block_size;
  }

  /// At most its newest token lacks its KV, or is in flight.
  static bool is_decoding(const PlainRequest* request) {
    return request->computed >= request->input && request->computed + 1 >= request->reached;
  }

  /// Those whose turn it is. True when somebody was preempted.
  template <class Turn>
  bool continue_running(std::vector<PlainEntry>& entries, std::int64_t& budget, const Turn& turn) {
    bool preempted = false;
    for (PlainRequest* request : std::vector<PlainRequest*>(running_)) {
      if (budget <= 0 || std::find(running_.begin(), running_.end(), request) == running_.end()) {
        continue;  // preempted for one before it
      }
      if (!turn(request)) {
        continue;
      }
      const std::int64_t tokens = std::min(capped(request->reached - request->computed), budget);
      if (tokens <= 0) {
        continue;  // its newest token is in flight
      }
      bool fits = allocate(*request, tokens, {});
      while (!fits) {
        PlainRequest* victim = s_.by_priority ? least_urgent() : running_.back();
        std::erase(running_, victim);
        std::erase_if(entries, [&](const PlainEntry& entry) {
          budget += entry.request == victim ? entry.tokens : 0;
          return entry.request == victim;
        });
        preempt(*victim);
        preempted = true;
        if (victim == request) {
          return true;
        }
        fits = allocate(*request, tokens, {});
      }
      entries.push_back({request, tokens, request->computed});
      budget -= tokens;
    }
    return preempted;
  }

  void admit(std::vector<PlainEntry>& entries, std::int64_t& budget, std::int64_t now) {
    while (!waiting_.empty() && budget > 0 && std::ssize(running_) < s_.most_running) {
      PlainRequest* request = waiting_.front();
      if (request->arrival > now) {
        return;
      }
      const std::vector<std::int64_t> hits = look_up(*request);
      const std::int64_t hit = std::ssize(hits) * s_.block_size;
      std::int64_t tokens = capped(request->reached - hit);
      if (!s_.chunked && tokens > budget) {
        return;
      }
      tokens = std::min(tokens, budget);
      if (tokens <= 0 || (s_.reserve && !fits(*request, request->reached, hits)) ||
          !allocate(*request, tokens, hits)) {
        return;
      }
      waiting_.erase(waiting_.begin());
      running_.push_back(request);
      request->running = true;
      request->computed = request->hit = hit;
      entries.push_back({request, tokens, hit});
      budget -= tokens;
    }
  }

  void preempt(PlainRequest& request) {
    release(request);
    request.computed = 0;
    ++request.preemptions;
    ++preemptions_;
    const auto not_before = [&](const PlainRequest* other) {
      return std::pair(other->priority, other->arrival) >=
             std::pair(request.priority, request.arrival);
    };
    waiting_.insert(s_.by_priority ? std::find_if(waiting_.begin(), waiting_.end(), not_before)
                                   : waiting_.begin(),
                    &request);
  }
  /// Of the largest priority and arrival; of equal ones the last.
  [[nodiscard]] PlainRequest* least_urgent() const {
    std::vector<PlainRequest*> sorted = running_;
    std::stable_sort(
        sorted.begin(), sorted.end(), [](const PlainRequest* a, const PlainRequest* b) {
          return std::pair(a->priority, a->arrival) < std::pair(b->priority, b->arrival);
        });
    return sorted.back();
  }

  void finish(PlainRequest& request, std::int64_t now) {
    if (request.finished) {
      return;
    }
    const bool first = request.first_token_due && request.computed >= request.input;
    if (first) {
      request.first_token_due = false;
      request.ttft = now - request.arrival;
      request.recent = now;
    }
    if (request.computed >= request.reached) {
      ++request.reached;
      if (!first) {
        request.itl.push_back(now - request.recent);
        request.recent = now;
      }
    }
    if (request.reached >= request.target) {
      release(request);
      request.finished = true;
      request.latency = now - request.arrival;
      std::erase(running_, &request);
    }
  }

  // ---- Blocks.

  [[nodiscard]] Key key(const PlainRequest& request, std::int64_t block) const {
    return {request.tokens.begin(), request.tokens.begin() + (block + 1) * s_.block_size};
  }
  [[nodiscard]] std::vector<std::int64_t> look_up(const PlainRequest& request) const {
    std::vector<std::int64_t> hits;
    const std::int64_t full = std::ssize(request.tokens) / s_.block_size;
    const std::int64_t most = (request.reached - 1) / s_.block_size;
    while (s_.caching && std::ssize(hits) < std::min(full, most)) {
      const auto found = index_.find(key(request, std::ssize(hits)));
      if (found == index_.end()) {
        break;
      }
      hits.push_back(found->second);
    }
    return hits;
  }
  /// Whether `tokens` in all would fit; a hit block that nobody holds leaves the free list.
  [[nodiscard]] bool fits(const PlainRequest& request, std::int64_t tokens,
                          const std::vector<std::int64_t>& hits) const {
    const std::int64_t fresh = blocks_of(tokens) - std::ssize(hits) - std::ssize(request.table);
    const auto unheld = std::count_if(hits.begin(), hits.end(), [&](std::int64_t block) {
      return refs_[static_cast<std::size_t>(block)] == 0;
    });
    return std::max<std::int64_t>(fresh, 0) + unheld <= std::ssize(free_);
  }
  bool allocate(PlainRequest& request, std::int64_t tokens, const std::vector<std::int64_t>& hits) {
    const std::int64_t total = request.computed + std::ssize(hits) * s_.block_size + tokens;
    if (!fits(request, total, hits)) {
      return false;
    }
    for (const std::int64_t block : hits) {
      std::erase(free_, block);
      ++refs_[static_cast<std::size_t>(block)];
      request.table.push_back(block);
    }
    request.cached_blocks = std::max<std::int64_t>(request.cached_blocks, std::ssize(hits));
    while (std::ssize(request.table) < blocks_of(total)) {
      request.table.push_back(take_first_free());
    }
    index(request, std::min(total, request.reached));
    return true;
  }
  std::int64_t take_first_free() {
    const std::int64_t block = free_.front();
    free_.erase(free_.begin());
    Key& old = keys_[static_cast<std::size_t>(block)];
    const auto found = index_.find(old);
    if (!old.empty() && found != index_.end() && found->second == block) {
      index_.erase(found);
    }
    old.clear();
    ++refs_[static_cast<std::size_t>(block)];
    return block;
  }
  void index(PlainRequest& request, std::int64_t tokens) {
    const std::int64_t full = std::min(tokens, std::ssize(request.tokens)) / s_.block_size;
    for (; s_.caching && request.cached_blocks < full; ++request.cached_blocks) {
      const std::int64_t block = request.table[static_cast<std::size_t>(request.cached_blocks)];
      Key& own = keys_[static_cast<std::size_t>(block)];
      if (own.empty()) {
        own = key(request, request.cached_blocks);
        index_[own] = block;
      }
    }
  }
  void release(PlainRequest& request) {
    for (auto block = request.table.rbegin(); block != request.table.rend(); ++block) {
      if (--refs_[static_cast<std::size_t>(*block)] == 0) {
        free_.push_back(*block);
      }
    }
    request.table.clear();
    request.cached_blocks = 0;
  }

  Settings s_;
  std::vector<PlainRequest*> waiting_, running_;
  std::map<std::int64_t, std::vector<PlainEntry>> flights_;
  std::int64_t next_ = 0, preemptions_ = 0;
  std::vector<std::int64_t> free_, refs_;
  std::vector<Key> keys_;
  std::map<Key, std::int64_t> index_;
};

}  // namespace lockstep::testing
