// A few one-NPU instances with their schedulers.
#pragma once

#include <memory>
#include <vector>

#include "serving/router.hpp"
#include "serving_fixture.hpp"

namespace lockstep::testing {

struct SmallCluster {
  explicit SmallCluster(std::vector<PdType> roles, std::int64_t blocks = 1000,
                        std::vector<std::int64_t> max_num_seqs = {}) {
    for (std::size_t i = 0; i < roles.size(); ++i) {
      Instance& instance = instances.emplace_back(tiny_instance());
      instance.id = static_cast<std::int32_t>(i);
      instance.first_npu = 2 * instance.id;  // room for a receiver
      instance.pd = roles[i];
      instance.max_num_seqs = max_num_seqs.empty() ? 128 : max_num_seqs[i];
    }
    for (const Instance& instance : instances) {
      owned.push_back(
          std::make_unique<Scheduler>(instance, policy, make_kv(instance, blocks, nullptr)));
      schedulers.push_back(owned.back().get());
    }
  }
  explicit SmallCluster(std::size_t count) : SmallCluster(std::vector(count, PdType::none)) {}

  FidelityPolicy policy;
  std::vector<Instance> instances;
  std::vector<std::unique_ptr<Scheduler>> owned;
  std::vector<Scheduler*> schedulers;
};

/// Requests without token ids.
inline Workload flat(const std::vector<std::int64_t>& arrivals, std::int64_t input = 4,
                     std::int64_t output = 3) {
  Workload workload;
  for (const std::int64_t arrival : arrivals) {
    WorkloadRequest& request = workload.requests.emplace_back();
    request.id = std::ssize(workload.requests) - 1;
    request.input_toks = input;
    request.output_toks = output;
    request.arrival = Nanos{arrival};
  }
  return workload;
}

/// Where each request is, by id.
inline std::vector<std::int32_t> owners(const Router& router) {
  std::vector<std::int32_t> out;
  for (const Request& request : router.requests()) {
    out.push_back(request.instance);
  }
  return out;
}

}  // namespace lockstep::testing
