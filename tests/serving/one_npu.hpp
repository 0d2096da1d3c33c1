// One instance whose settings a story may change before it first asks for the scheduler.
#pragma once

#include <memory>
#include <vector>

#include "serving_fixture.hpp"

namespace lockstep::testing {

struct OneNpu {
  explicit OneNpu(std::int64_t num_blocks, std::int64_t budget = 16, bool caching = false,
                  FidelityPolicy rules = FidelityPolicy::reference())
      : policy(rules) {
    instance = tiny_instance();
    instance.max_num_batched_tokens = budget;
    instance.enable_prefix_caching = caching;
    blocks = num_blocks;
  }
  Scheduler& scheduler() {
    if (!made) {
      made =
          std::make_unique<Scheduler>(instance, policy, make_kv(instance, blocks, lower, policy));
    }
    return *made;
  }
  Batch* schedule(std::int64_t now) { return testing::schedule(scheduler(), now); }
  Completion finish(std::int64_t id, std::int64_t now) {
    return testing::finish(scheduler(), id, now);
  }
  /// A request whose prompt is computed, as a prefill instance hands it over.
  Request& computed_prompt(std::int64_t input, std::int64_t output) {
    Request& request = requests.add(input, output);
    request.num_tokens = input + 1;
    request.num_computed = input;
    request.is_init = false;
    return request;
  }
  std::vector<BlockId> table(const Request& request) {
    return scheduler().kv().block_table(request);
  }
  std::vector<BlockId> free_list() { return scheduler().kv().npu_pool().free_list(); }

  Instance instance;
  FidelityPolicy policy;
  std::int64_t blocks;
  std::shared_ptr<PrefixPool> lower;
  std::unique_ptr<Scheduler> made;
  Requests requests;
};

}  // namespace lockstep::testing
