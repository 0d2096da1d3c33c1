#include "report/run_recorder.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lockstep {
namespace {

constexpr std::size_t kMostSamples = 1024;

std::int64_t gigabytes(double size_gb) {
  return static_cast<std::int64_t>(size_gb * static_cast<double>(kGiB));
}

}  // namespace

RunRecorder::RunRecorder(const Cluster& cluster)
    : cluster_(cluster),
      samples_(cluster.instances.size() + cluster.nodes.size() + 1),
      latest_(samples_.size()) {
  std::size_t most = 0;
  for (const NetworkIsland& island : cluster.islands) {
    most = std::max(most, island.dims.npus.size());
  }
  dimensions_.resize(most + 1);
}

void RunRecorder::on_launch(std::span<Batch* const> batches, Nanos now) {
  for (const Batch* batch : batches) {
    latest_[static_cast<std::size_t>(batch->instance)] = batch->kv_size.count();
    ++total_steps_;
    if (steps_.size() >= kMostSteps) {
      continue;
    }
    StepRecord step;
    step.launch = now.count();
    step.formed = batch->batch_time.count();
    step.instance = batch->instance;
    step.wave = waves_;
    step.batch = batch->id;
    step.requests = static_cast<std::int64_t>(batch->entries.size());
    step.prefills = batch->num_prefill;
    step.padding = batch->padding;
    step.tokens = batch->total_len - batch->padding;
    step.dummy = batch->dummy;
    step.kv_bytes = batch->kv_size.count();
    open_[{batch->instance, batch->id}] = steps_.size();
    steps_.push_back(step);
  }
  if (waves_++ % stride_ == 0) {
    sample(now);
  }
}

void RunRecorder::on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) {
  if (const auto found = open_.find({instance, batch}); found != open_.end()) {
    steps_[found->second].end = now.count();
    open_.erase(found);
  }
}

void RunRecorder::on_heartbeat(const Heartbeat& heartbeat) {
  const std::size_t first = cluster_.instances.size();
  for (std::size_t node = 0; node < heartbeat.nodes.size(); ++node) {
    latest_[first + node] = heartbeat.nodes[node].cpu_used.count();
  }
  std::int64_t cxl = 0;
  for (const SharedPoolSnapshot& pool : heartbeat.cxl_pools) {
    cxl += pool.used.count();
  }
  for (const InstanceSnapshot& instance : heartbeat.instances) {
    cxl += instance.private_cxl_used.value_or(Bytes{0}).count();
  }
  latest_.back() = cxl;
}

void RunRecorder::sample(Nanos now) {
  if (times_.size() >= kMostSamples) {
    const auto halve = [](std::vector<std::int64_t>& values) {
      for (std::size_t i = 0; 2 * i < values.size(); ++i) {
        values[i] = values[2 * i];
      }
      values.resize((values.size() + 1) / 2);
    };
    halve(times_);
    std::for_each(samples_.begin(), samples_.end(), halve);
    stride_ *= 2;
  }
  times_.push_back(now.count());
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    samples_[i].push_back(latest_[i]);
  }
}

void RunRecorder::on_phase(const NetworkPhase& phase) {
  Dimension& dimension = phase.flat
                             ? dimensions_.back()
                             : dimensions_[std::min(phase.dimension, dimensions_.size() - 2)];
  const auto time = static_cast<double>((phase.end - phase.begin).count());
  ++dimension.phases;
  dimension.busy_ns += time;
  dimension.sent_bytes += static_cast<double>(phase.sent.count());
  dimension.by_collective[phase.collective] += time;
  dimension.buckets.add_span(phase.begin, phase.end, 1.0);
}

void RunRecorder::name_dimension(std::size_t index, DimensionRecord& record) const {
  if (index + 1 == dimensions_.size()) {
    record.name = "all dimensions";
    record.npus = cluster_.total_npus();
    return;
  }
  record.name = fmt::format("dimension {}", index);
  for (const NetworkIsland& island : cluster_.islands) {
    if (index < island.dims.npus.size()) {
      record.npus = std::max(record.npus, island.dims.npus[index]);
    }
  }
}

void RunRecorder::finish(std::span<const NpuKvLayout> capacities, RunRecord& record) {
  record.total_steps = total_steps_;
  record.steps = std::move(steps_);
  record.memory_times = std::move(times_);
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    MemorySeries series;
    const std::size_t instances = cluster_.instances.size();
    if (i < instances) {
      series = {fmt::format("NPU, instance {}", i), "NPU", capacities[i].capacity.count(), {}};
      for (std::int64_t& used : samples_[i]) {
        used += capacities[i].weight_bytes.count();
      }
    } else if (i + 1 < samples_.size()) {
      const std::size_t node = i - instances;
      series = {fmt::format("CPU, node {}", node),
                "CPU",
                gigabytes(cluster_.nodes[node].cpu_mem.size_gb),
                {}};
    } else {
      series = {"CXL", "CXL", cluster_.cxl ? gigabytes(cluster_.cxl->figures.size_gb) : 0, {}};
    }
    series.used = std::move(samples_[i]);
    const bool ever = std::any_of(series.used.begin(), series.used.end(),
                                  [](std::int64_t used) { return used > 0; });
    if (ever) {
      record.memory.push_back(std::move(series));
    }
  }
  for (std::size_t i = 0; i < dimensions_.size(); ++i) {
    const Dimension& dimension = dimensions_[i];
    if (dimension.phases == 0) {
      continue;
    }
    DimensionRecord& out = record.network.emplace_back();
    name_dimension(i, out);
    out.phases = dimension.phases;
    out.busy_ns = dimension.busy_ns;
    out.sent_bytes = dimension.sent_bytes;
    for (const auto& [kind, time] : dimension.by_collective) {
      out.by_collective.emplace_back(collective_name(kind), time);
    }
    out.bucket_ns = dimension.buckets.width().count();
    out.busy_buckets = dimension.buckets.sums();
  }
}

}  // namespace lockstep
