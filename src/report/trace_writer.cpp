#include "report/trace_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "iteration/trace.hpp"
#include "report/output_file.hpp"

namespace lockstep {
namespace {

/// Microseconds with the nanoseconds as decimals, exactly.
std::string micros(Nanos time) {
  return fmt::format("{}.{:03}", time.count() / 1000, time.count() % 1000);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

enum Part : std::int64_t { kCompute, kCommunication, kMemory, kParts };

}  // namespace

TraceWriter::TraceWriter(const std::filesystem::path& file, const Cluster& cluster) : file_(file) {
  for (const Instance& instance : cluster.instances) {
    instance_of_npu_.insert(instance_of_npu_.end(), static_cast<std::size_t>(instance.width()),
                            instance.id);
  }
  file_.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
  name_process(Process::instances, "Instances");
  name_process(Process::npus, "NPUs");
  name_process(Process::network, "Network");
  name_process(Process::requests, "Requests");
}

void TraceWriter::event(std::string_view text) {
  file_.write(first_ ? "" : ",\n");
  file_.write(text);
  first_ = false;
}

void TraceWriter::name_process(Process process, std::string_view name) {
  const int pid = static_cast<int>(process);
  event(fmt::format(R"({{"ph":"M","pid":{},"name":"process_name","args":{{"name":"{}"}}}})", pid,
                    name));
  event(fmt::format(
      R"({{"ph":"M","pid":{},"name":"process_sort_index","args":{{"sort_index":{}}}}})", pid, pid));
}

std::int32_t TraceWriter::lane_of(Process process, std::int64_t key, std::string_view track_name,
                                  Nanos begin, Nanos end) {
  Track& track = tracks_[{process, key}];
  if (track.name.empty()) {
    track.name = track_name;
  }
  for (Lane& lane : track.lanes) {
    if (lane.until <= begin.count()) {
      lane.until = end.count();
      return lane.tid;
    }
  }
  const int pid = static_cast<int>(process);
  const std::int32_t tid = ++next_tid_[static_cast<std::size_t>(process)];
  track.lanes.push_back({tid, end.count()});
  const std::string name =
      track.lanes.size() == 1 ? track.name : fmt::format("{} ({})", track.name, track.lanes.size());
  event(fmt::format(R"({{"ph":"M","pid":{},"tid":{},"name":"thread_name","args":{{"name":"{}"}}}})",
                    pid, tid, escaped(name)));
  event(fmt::format(
      R"({{"ph":"M","pid":{},"tid":{},"name":"thread_sort_index","args":{{"sort_index":{}}}}})",
      pid, tid,
      key * 64 + static_cast<std::int64_t>(std::min<std::size_t>(track.lanes.size(), 63))));
  return tid;
}

void TraceWriter::slice(Process process, std::int64_t key, std::string_view track,
                        std::string_view name, Nanos begin, Nanos end, std::string_view args) {
  const std::int32_t tid = lane_of(process, key, track, begin, end);
  event(fmt::format(R"({{"ph":"X","pid":{},"tid":{},"name":"{}","ts":{},"dur":{},"args":{{{}}}}})",
                    static_cast<int>(process), tid, name, micros(begin), micros(end - begin),
                    args));
}

void TraceWriter::on_program(const Batch& batch, const IterationTrace& trace,
                             const Program& /*program*/) {
  std::vector<std::string_view>& names = rows_[{batch.instance, batch.id}];
  for (const TraceSegment& segment : trace.segments) {
    for (std::int64_t copy = 0; copy < segment.repeat; ++copy) {
      for (const TraceRow& row : segment.rows) {
        if (row.kind != RowKind::kv_load && row.kind != RowKind::kv_evict) {
          names.push_back(row.name);
        }
      }
    }
  }
}

std::string_view TraceWriter::row_name(std::int32_t npu, std::int64_t batch,
                                       std::int32_t row) const {
  const auto found = rows_.find({instance_of_npu_[static_cast<std::size_t>(npu)], batch});
  if (row < 0) {
    return "kv";
  }
  const bool known = found != rows_.end() && static_cast<std::size_t>(row) < found->second.size();
  const std::string_view name =
      known ? found->second[static_cast<std::size_t>(row)] : std::string_view{};
  return name.empty() ? "expert" : name;
}

void TraceWriter::on_launch(std::span<Batch* const> batches, Nanos now) {
  for (const Batch* batch : batches) {
    steps_[{batch->instance, batch->id}] = {
        now, batch->dummy ? "dummy" : fmt::format("step of {} tokens", batch->total_len),
        fmt::format(
            R"("batch":{},"requests":{},"prefills":{},"tokens":{},"padding":{},"formed_us":{})",
            batch->id, batch->entries.size(), batch->num_prefill, batch->total_len - batch->padding,
            batch->padding, micros(batch->batch_time))};
  }
}

void TraceWriter::on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) {
  const auto found = steps_.find({instance, batch});
  if (found == steps_.end()) {
    return;
  }
  const OpenStep& step = found->second;
  slice(Process::instances, instance, fmt::format("instance {}", instance), step.name, step.launch,
        now, step.args);
  steps_.erase(found);
  // NPUs between the first and the last one of the instance may still be at work on it.
  constexpr std::int64_t kKept = 16;
  rows_.erase(rows_.lower_bound({instance, 0}), rows_.lower_bound({instance, batch - kKept}));
}

void TraceWriter::on_work(const DeviceWork& work) {
  if (work.end == work.begin || work.iteration == 0) {
    return;  // nothing to see; iteration 0 is the alarm of the first arrival
  }
  const GraphNode& node = *work.node;
  const std::string_view row = row_name(work.npu, work.iteration - 1, node.row);
  const auto put = [&](Part part, std::string_view what, std::string_view name) {
    slice(Process::npus, work.npu * kParts + part, fmt::format("NPU {} {}", work.npu, what), name,
          work.begin, work.end,
          fmt::format(R"("batch":{},"row":{},"bytes":{})", work.iteration - 1, node.row,
                      node.size.count()));
  };
  switch (node.kind) {
    case NodeKind::compute:
      put(kCompute, "compute", row);
      break;
    case NodeKind::collective:
      put(kCommunication, "communication",
          fmt::format("{} after {}", collective_name(node.comm), row));
      break;
    case NodeKind::send:
      put(kCommunication, "communication", fmt::format("send to NPU {}", node.peer));
      break;
    case NodeKind::recv:
      put(kMemory, "memory and receives", fmt::format("receive from NPU {}", node.peer));
      break;
    case NodeKind::mem_load:
      put(kMemory, "memory and receives", fmt::format("load for {}", row));
      break;
    case NodeKind::mem_store:
      put(kMemory, "memory and receives", fmt::format("store of {}", row));
      break;
    case NodeKind::pim:
      put(kMemory, "memory and receives", fmt::format("{} in memory", row));
      break;
  }
}

void TraceWriter::on_phase(const NetworkPhase& phase) {
  constexpr std::int64_t kDimensions = 16;  // more than any network has
  const std::int64_t dimension =
      phase.flat ? kDimensions - 1 : static_cast<std::int64_t>(phase.dimension);
  const std::string track = phase.flat ? fmt::format("NPU {}, all dimensions", phase.npu)
                                       : fmt::format("NPU {}, dimension {}", phase.npu, dimension);
  slice(Process::network, phase.npu * kDimensions + dimension, track,
        collective_name(phase.collective), phase.begin, phase.end,
        fmt::format(R"("sent_bytes":{})", phase.sent.count()));
}

void TraceWriter::on_request_done(const Request& request) {
  const Nanos scheduled = request.arrival + std::max(request.queuing_delay, Nanos{0});
  const Nanos first =
      request.ttft < Nanos{0} ? scheduled : std::max(request.arrival + request.ttft, scheduled);
  const std::int32_t tid =
      lane_of(Process::requests, 0, "requests", request.arrival, request.end_time);
  const auto put = [&](std::string_view name, Nanos begin, Nanos end, std::string_view args) {
    if (end > begin) {
      event(fmt::format(
          R"({{"ph":"X","pid":{},"tid":{},"name":"{}","ts":{},"dur":{},"args":{{{}}}}})",
          static_cast<int>(Process::requests), tid, name, micros(begin), micros(end - begin),
          args));
    }
  };
  put(fmt::format("request {}", request.id), request.arrival, request.end_time,
      fmt::format(R"("instance":{},"input":{},"output":{},"ttft_ns":{},"tpot_ns":{})",
                  request.instance, request.input, request.output - request.input,
                  request.ttft.count(), request.tpot.count()));
  put("queue", request.arrival, scheduled, "");
  put("prefill", scheduled, first, "");
  put("decode", first, request.end_time, "");
}

void TraceWriter::commit(const Provenance& provenance) {
  file_.write("\n]");
  if (!provenance.empty()) {
    file_.write(",\"otherData\":");
    file_.write(provenance_text(provenance));
  }
  file_.write("}\n");
  if (provenance.partial) {
    file_.move_to(partial_path(file_.path()));
  }
  file_.commit();
}

}  // namespace lockstep
