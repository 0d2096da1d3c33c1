#include "explain/request_watch.hpp"

#include <algorithm>

#include "iteration/unsplit_decodes.hpp"

namespace lockstep {
namespace {

const BatchEntry* entry_of(const Batch& batch, std::int64_t request) {
  const auto found =
      std::find_if(batch.entries.begin(), batch.entries.end(),
                   [request](const BatchEntry& entry) { return entry.request->id == request; });
  return found == batch.entries.end() ? nullptr : &*found;
}

/// Its rows one by one, without the leading kv rows, as nodes number them.
template <typename Visit>
void each_row(const IterationTrace& trace, const Visit& visit) {
  for (const TraceSegment& segment : trace.segments) {
    for (std::int64_t copy = 0; copy < segment.repeat; ++copy) {
      for (const TraceRow& row : segment.rows) {
        if (row.kind != RowKind::kv_load && row.kind != RowKind::kv_evict) {
          visit(row);
        }
      }
    }
  }
}

/// The batch as it was before its wave made it longer.
Batch without_padding(const Batch& padded) {
  Batch batch = padded;
  batch.total_len -= batch.padding;
  batch.num_decode -= batch.padding;
  batch.padding = 0;
  return batch;
}

}  // namespace

RequestWatch::RequestWatch(const Cluster& cluster, std::int64_t request,
                           std::vector<std::shared_ptr<const KernelTimes>> times,
                           TraceSettings settings)
    : cluster_(cluster), id_(request) {
  GpuCatalog gpus;
  for (const Instance& instance : cluster.instances) {
    instance_of_npu_.insert(instance_of_npu_.end(), static_cast<std::size_t>(instance.width()),
                            instance.id);
    settings.decode_blocks = decode_blocks_of(instance, gpus);
    settings.lora = lora_times_of(instance, gpus);
    settings.described = described_settings_of(instance, cluster, gpus);
    if (const auto at = static_cast<std::size_t>(instance.id); at < times.size()) {
      builders_.push_back(std::make_unique<TraceBuilder>(cluster, instance, times[at], settings));
    }
  }
}

const Instance& RequestWatch::instance_of(std::int32_t npu) const {
  const std::int32_t id = instance_of_npu_[static_cast<std::size_t>(npu)];
  return cluster_.instances[static_cast<std::size_t>(id)];
}

std::int64_t RequestWatch::stage_of(std::int32_t npu) const {
  const Instance& instance = instance_of(npu);
  return (npu - instance.first_npu) / instance.tp;
}

std::vector<RequestWatch::Row> RequestWatch::rows_of(const Batch& batch,
                                                     const IterationTrace& trace) {
  std::vector<Row> rows;
  std::vector<Nanos> times;
  each_row(trace, [&](const TraceRow& row) {
    rows.push_back({row.name, Nanos{0}});
    times.push_back(row.comp_time);
  });
  const auto at = static_cast<std::size_t>(batch.instance);
  if (batch.padding == 0 || at >= builders_.size()) {
    return rows;
  }
  IterationTrace plain;
  builders_[at]->build(without_padding(batch), batch.total_len, plain, nullptr);
  std::size_t next = 0;
  bool alike = true;
  each_row(plain, [&](const TraceRow& row) {
    alike = alike && next < rows.size() && rows[next].name == row.name;
    if (alike) {
      rows[next].padding = std::max(times[next] - row.comp_time, Nanos{0});
    }
    ++next;
  });
  if (!alike || next != rows.size()) {  // rows that cannot be compared: it stays with the kernels
    for (Row& row : rows) {
      row.padding = Nanos{0};
    }
  }
  return rows;
}

void RequestWatch::on_program(const Batch& batch, const IterationTrace& trace,
                              const Program& /*program*/) {
  const BatchEntry* entry = entry_of(batch, id_);
  if (entry == nullptr) {
    return;
  }
  Open& open = open_[{batch.instance, batch.id}];
  open.rows = rows_of(batch, trace);
  WatchedStep& step = open.step.emplace();
  step.instance = batch.instance;
  step.batch = batch.id;
  step.formed = batch.batch_time;
  step.requests = static_cast<std::int64_t>(batch.entries.size());
  step.tokens = batch.total_len - batch.padding;
  step.padding = batch.padding;
  step.own_tokens = entry->tokens;
  step.preemptions = entry->request->num_preemptions;
  step.recomputes = entry->computed_before < high_water_ && step.preemptions > 0;
  const std::int64_t known = entry->tokens - entry->drafts;
  high_water_ = std::max(high_water_, entry->computed_before + known);
}

void RequestWatch::on_launch(std::span<Batch* const> batches, Nanos now) {
  bool watched = false;
  for (const Batch* batch : batches) {
    const BatchKey key{batch->instance, batch->id};
    open_windows_[key] = windows_.size();
    windows_.push_back({batch->instance, batch->batch_time});
    watched = watched || open_.contains(key);
  }
  if (!watched) {
    return;
  }
  const auto exchanges = std::make_shared<Exchanges>();
  for (const Batch* batch : batches) {
    Open& open = open_[{batch->instance, batch->id}];
    open.exchanges = exchanges;
    if (open.step) {
      open.step->launch = now;
    }
  }
}

RequestWatch::Open* RequestWatch::open_of(std::int32_t npu, std::int64_t batch) {
  const auto found = open_.find({instance_of_npu_[static_cast<std::size_t>(npu)], batch});
  return found == open_.end() ? nullptr : &found->second;
}

void RequestWatch::on_work(const DeviceWork& work) {
  const Instance& instance = instance_of(work.npu);
  if (instance.pp > 1) {
    for (auto& [key, other] : open_) {
      if (other.step && key.first == instance.id && key.second != work.iteration - 1) {
        other.spans.push_back({{Cause::pipeline}, work.begin, work.end});
      }
    }
  }
  Open* open = open_of(work.npu, work.iteration - 1);  // iteration 0 is the opening event
  if (open == nullptr || !open->exchanges) {
    return;
  }
  const GraphNode& node = *work.node;
  if (node.kind == NodeKind::collective) {
    const std::pair mask{node.comm_mask.count, node.comm_mask.bits};
    Exchanges& exchanges = *open->exchanges;
    const std::int64_t ordinal = exchanges.counts[{work.npu, mask}]++;
    exchanges.entries[{mask, ordinal}].push_back({work.npu, work.begin, work.end});
  } else if (open->step) {
    add_work(*open, work);
  }
}

void RequestWatch::add_work(Open& open, const DeviceWork& work) const {
  const auto row = static_cast<std::size_t>(work.node->row);
  const bool known = work.node->row >= 0 && row < open.rows.size();
  const Part part{cause_of(*work.node, known ? open.rows[row].name : std::string_view{})};
  Nanos end = work.end;
  if (known && work.node->kind == NodeKind::compute && open.rows[row].padding > Nanos{0}) {
    end = std::max(work.begin, work.end - open.rows[row].padding);
    open.spans.push_back({{Cause::padding}, end, work.end});
  }
  open.spans.push_back({part, work.begin, end});
}

void RequestWatch::on_phase(const NetworkPhase& phase) {
  for (auto& [key, open] : open_) {
    if (open.step && key.first == instance_of_npu_[static_cast<std::size_t>(phase.npu)]) {
      open.phases.push_back(phase);
    }
  }
}

void RequestWatch::add_exchanges(Open& open) const {
  const Instance& instance = cluster_.instances[static_cast<std::size_t>(open.step->instance)];
  for (const auto& [key, entries] : open.exchanges->entries) {
    const DimMask mask{key.first.first, key.first.second};
    const bool spans_wave = instance.dp_group && (!mask.given() || mask == instance.ep_mask);
    for (const Entry& entry : entries) {
      if (instance_of(entry.npu).id == instance.id) {
        add_exchange(open, entry, entries, spans_wave);
      }
    }
  }
}

/// First it waits until the last of its own instance, then until the last of all has entered; what
/// remains is split by the phases.
void RequestWatch::add_exchange(Open& open, const Entry& own, std::span<const Entry> all,
                                bool spans_wave) const {
  Nanos own_entered = own.begin;
  Nanos all_entered = own.begin;
  for (const Entry& other : all) {
    const bool same = instance_of(other.npu).id == instance_of(own.npu).id;
    const bool takes_part =
        (same || spans_wave) && stage_of(other.npu) == stage_of(own.npu) && other.begin <= own.end;
    if (takes_part) {
      all_entered = std::max(all_entered, other.begin);
      own_entered = same ? std::max(own_entered, other.begin) : own_entered;
    }
  }
  open.spans.push_back({{Cause::npus}, own.begin, own_entered});
  open.spans.push_back({{Cause::members}, own_entered, all_entered});
  open.spans.push_back({{Cause::exchange}, all_entered, own.end});
  for (const NetworkPhase& phase : open.phases) {
    if (phase.npu == own.npu && phase.begin < own.end && phase.end > own.begin) {
      const std::int32_t dimension =
          phase.flat ? Part::kAll : static_cast<std::int32_t>(phase.dimension);
      open.spans.push_back({{Cause::collective, dimension},
                            std::max(phase.begin, all_entered),
                            std::min(phase.end, own.end)});
    }
  }
}

void RequestWatch::on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) {
  const BatchKey key{instance, batch};
  if (const auto window = open_windows_.find(key); window != open_windows_.end()) {
    windows_[window->second].end = now;
    open_windows_.erase(window);
  }
  const auto found = open_.find(key);
  if (found == open_.end()) {
    return;
  }
  Open& open = found->second;
  if (open.step) {
    add_exchanges(open);
    WatchedStep& step = *open.step;
    step.end = now;
    step.intervals = attribute(open.spans, step.launch, now);
    const auto place = std::upper_bound(
        steps_.begin(), steps_.end(), step.launch,
        [](Nanos launch, const WatchedStep& other) { return launch < other.launch; });
    steps_.insert(place, std::move(step));
  }
  open_.erase(found);
}

void RequestWatch::on_request_done(const Request& request) {
  if (request.id == id_) {
    done_ = request;
    done_->source = nullptr;
  }
}

}  // namespace lockstep
