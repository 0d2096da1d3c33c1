// The real scheduler beside the slow and obvious one, under random load: every batch, every stamp
// and the order of the free blocks are the same.
#include "plain_scheduler.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "draws.hpp"
#include "serving_fixture.hpp"

namespace lockstep::testing {
namespace {

class SideBySide {
public:
  SideBySide() {
    instance_ = tiny_instance();
    instance_.block_size = draw(1, 4);
    instance_.pp = draw(1, 3);
    instance_.max_num_seqs = draw(1, 5);
    instance_.max_num_batched_tokens = draw(1, 24);
    instance_.long_prefill_token_threshold = coin() ? 0 : draw(1, 6);
    instance_.enable_prefix_caching = coin();
    instance_.reserve_full_isl = coin();
    instance_.enable_chunked_prefill = coin();
    const bool by_priority = coin();
    instance_.features.queue_policy = by_priority ? QueuePolicy::priority : QueuePolicy::fcfs;
    const StepPolicy step =
        *rc::gen::element(StepPolicy::mixed, StepPolicy::prefill_first, StepPolicy::decode_first);
    instance_.features.step_policy = step;
    make_requests();
    if (!instance_.enable_chunked_prefill) {  // even a resumed request must fit one step
      instance_.max_num_batched_tokens = std::max(instance_.max_num_batched_tokens, longest_);
    }
    const std::int64_t blocks =
        (longest_ + instance_.block_size - 1) / instance_.block_size + draw(0, 6);
    real_ = std::make_unique<Scheduler>(instance_, policy_,
                                        make_kv(instance_, blocks, nullptr, policy_));
    plain_ = std::make_unique<PlainScheduler>(PlainScheduler::Settings{
        blocks, instance_.block_size, instance_.max_num_batched_tokens, instance_.max_num_seqs,
        instance_.long_prefill_token_threshold, instance_.pp, instance_.enable_prefix_caching,
        instance_.reserve_full_isl, instance_.enable_chunked_prefill, by_priority,
        step == StepPolicy::prefill_first, step == StepPolicy::decode_first});
  }

  void run() {
    for (std::int64_t now = 0; !over(now); ++now) {
      for (std::size_t i = 0; i < plain_requests_.size(); ++i) {
        if (plain_requests_[i].arrival == now) {
          real_->add_request(requests_.all()[i]);
          plain_->add(plain_requests_[i]);
        }
      }
      if (coin() || oldest_ == newest_) {
        form(now);
      }
      if (oldest_ < newest_ && coin()) {
        finish(*real_, oldest_, now);
        plain_->finish(oldest_++, now);
      }
      compare_blocks();
    }
    compare_stamps();
  }

private:
  void make_requests() {
    const std::int64_t count = draw(1, 9);
    for (std::int64_t i = 0; i < count; ++i) {
      const auto stream = static_cast<std::int32_t>(1000 * draw(0, 1));
      const std::int64_t input = draw(1, 20);
      const std::int64_t output = draw(1, 9);
      const std::int64_t arrival = draw(0, 40);
      const bool with_ids = coin();
      with_ids ? requests_.add_with_ids(input, output, stream, arrival)
               : requests_.add(input, output, arrival);
      PlainRequest& plain = plain_requests_.emplace_back();
      plain.id = i;
      plain.arrival = arrival;
      plain.input = plain.reached = input;
      plain.target = input + output;
      plain.priority = requests_.all().back().priority = draw(-1, 1);
      for (std::int32_t token = 0; with_ids && token < input; ++token) {
        plain.tokens.push_back(stream + token);
      }
      longest_ = std::max(longest_, input + output);
    }
  }

  void form(std::int64_t now) {
    const std::int64_t expected = plain_->schedule(now);
    const Batch* batch = schedule(*real_, now);
    const bool made = batch != nullptr && batch->id == newest_;
    RC_ASSERT((expected >= 0) == made);
    if (made) {
      RC_ASSERT(expected == batch->id);
      RC_ASSERT(plain_->text(expected) == text(batch));
      ++newest_;
    }
  }

  [[nodiscard]] bool over(std::int64_t now) const {
    constexpr std::int64_t kLastArrival = 40;
    constexpr std::int64_t kMost = 5'000;
    RC_ASSERT(now < kMost);
    return now > kLastArrival && plain_->empty() && real_->empty();
  }

  void compare_blocks() const {
    const std::vector<BlockId> real = real_->kv().npu_pool().free_list();
    RC_ASSERT(std::vector<std::int64_t>(real.begin(), real.end()) == plain_->free_blocks());
  }

  void compare_stamps() {
    RC_ASSERT(real_->num_preemptions() == plain_->preemptions());
    for (std::size_t i = 0; i < plain_requests_.size(); ++i) {
      const Request& real = requests_.all()[i];
      const PlainRequest& plain = plain_requests_[i];
      RC_ASSERT(plain.finished);
      RC_ASSERT(real.queuing_delay.count() == plain.queued);
      RC_ASSERT(real.ttft.count() == plain.ttft);
      RC_ASSERT(real.latency.count() == plain.latency);
      RC_ASSERT(counts(real.itl) == plain.itl);
    }
  }

  Instance instance_;
  FidelityPolicy policy_ = FidelityPolicy::reference();
  Requests requests_;
  std::deque<PlainRequest> plain_requests_;
  std::int64_t longest_ = 0, oldest_ = 0, newest_ = 0;
  std::unique_ptr<Scheduler> real_;
  std::unique_ptr<PlainScheduler> plain_;
};

RC_GTEST_PROP(PlainScheduler, DecidesAsTheRealOne, ()) {
  SideBySide().run();
}

}  // namespace
}  // namespace lockstep::testing
