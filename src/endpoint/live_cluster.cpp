#include "endpoint/live_cluster.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace lockstep {

LiveCluster::LiveCluster(const Cluster& cluster, const RunOptions& options,
                         KernelTimeLibrary& kernel_times, ServerMetrics& metrics,
                         LiveListener& listener)
    : cluster_(cluster),
      metrics_(metrics),
      listener_(listener),
      simulation_(cluster, options, &nobody_, kernel_times, *this) {
  simulation_.keep_open();
}

LiveCluster::~LiveCluster() = default;

std::optional<std::string> LiveCluster::refusal(std::int64_t input, std::int64_t output) const {
  for (const Instance& instance : cluster_.instances) {
    const std::int64_t context = instance.model->max_position_embeddings;
    if (input + output > context) {
      return fmt::format("the model's context holds {} tokens, and prompt and answer are {} + {}",
                         context, input, output);
    }
    // The last token of a request is never computed.
    const std::int64_t kept = instance.pd == PdType::prefill ? input : input + output - 1;
    const std::int64_t room =
        simulation_.kv_capacity()[static_cast<std::size_t>(instance.id)].tokens();
    if (kept > room) {
      return fmt::format("the request needs KV memory for {} tokens, and instance {} has {}", kept,
                         instance.id, room);
    }
    const std::int64_t step = instance.max_num_batched_tokens;
    if (!instance.enable_chunked_prefill && step > 0 && kept > step) {
      return fmt::format("a step computes {} tokens and prompts are not cut: {} are too many", step,
                         kept);
    }
  }
  return std::nullopt;
}

std::int64_t LiveCluster::submit(WorkloadRequest& call) {
  call.arrival = std::max(call.arrival, limit_ + Nanos{1});
  call.id = next_id_++;
  auto open = std::make_unique<Open>();
  open->call = call;
  open->request = make_request(open->call, Prompts::computed);
  simulation_.submit(open->request);
  open_.emplace(call.id, std::move(open));
  return call.id;
}

void LiveCluster::withdraw(std::int64_t request) {
  const auto found = open_.find(request);
  if (found == open_.end()) {
    return;
  }
  metrics_.aborted(static_cast<std::size_t>(found->second->request.instance));
  simulation_.withdraw(found->second->request);
  ended_.push_back(std::move(found->second));
  open_.erase(found);
  bury();
}

bool LiveCluster::advance(Nanos limit, const std::function<bool()>& enough) {
  limit_ = std::max(limit_, limit);
  while (simulation_.advance_within(limit_)) {
    if (!ended_.empty()) {
      simulation_.drop_done();
      bury();
    }
    if (enough()) {
      return false;
    }
  }
  return true;
}

/// Requests that ended and are in no batch any more.
void LiveCluster::bury() {
  std::erase_if(ended_, [](const auto& open) { return open->request.num_in_flight == 0; });
}

std::vector<EngineGauges> LiveCluster::gauges() const {
  std::vector<EngineGauges> engines;
  for (std::size_t i = 0; i < simulation_.num_instances(); ++i) {
    const Scheduler& scheduler = simulation_.scheduler(i);
    const KVCacheManager& kv = scheduler.kv();
    EngineGauges& engine = engines.emplace_back();
    engine.running = static_cast<std::int64_t>(scheduler.num_running());
    engine.waiting = static_cast<std::int64_t>(scheduler.num_waiting());
    engine.kv_usage = kv.npu_pool().usage();
    engine.prefix_queries = kv.npu_stats().requested;
    engine.prefix_hits = kv.npu_stats().hit;
    engine.preemptions = scheduler.num_preemptions();
    engine.block_size = kv.layout().block_size;
    engine.num_blocks = kv.npu_pool().num_blocks();
    engine.prefix_caching = kv.prefix_caching();
  }
  return engines;
}

void LiveCluster::on_launch(std::span<Batch* const> batches, Nanos /*now*/) {
  for (const Batch* batch : batches) {
    Entries& entries = in_flight_[{batch->instance, batch->id}];
    std::int64_t tokens = 0;
    for (const BatchEntry& entry : batch->entries) {
      entries.push_back(entry.request->id);
      tokens += entry.tokens;
    }
    if (tokens > 0) {
      metrics_.step(static_cast<std::size_t>(batch->instance), tokens);
    }
  }
}

void LiveCluster::on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) {
  const auto found = in_flight_.find({instance, batch});
  if (found == in_flight_.end()) {
    return;
  }
  for (const std::int64_t id : found->second) {
    if (const auto open = open_.find(id); open != open_.end()) {
      tell_tokens(*open->second, static_cast<std::size_t>(instance), now);
    }
  }
  in_flight_.erase(found);
}

void LiveCluster::tell_tokens(Open& open, std::size_t engine, Nanos now) {
  const Request& request = open.request;
  for (const std::int64_t made = request.num_tokens - request.input; open.told < made;
       ++open.told) {
    if (open.told == 0) {
      metrics_.first_token(engine, now - request.arrival, request.input);
    } else if (now > open.last_token) {  // tokens accepted together are one output
      metrics_.next_token(engine, now - open.last_token);
    }
    open.last_token = now;
    listener_.on_token(request.id, open.told, now);
  }
}

void LiveCluster::on_request_done(const Request& request) {
  const auto found = open_.find(request.id);
  ensure(found != open_.end(), "a request ended twice");
  listener_.on_done(request);
  ended_.push_back(std::move(found->second));
  open_.erase(found);
}

}  // namespace lockstep
