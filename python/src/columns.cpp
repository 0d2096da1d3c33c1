#include "columns.hpp"

#include <algorithm>

namespace lockstep::python {
namespace {

/// Where `name` stands in `names`, to which it is added when it is new.
std::int64_t place_of(const std::string& name, std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  const auto place = found - names.begin();
  if (found == names.end()) {
    names.push_back(name);
  }
  return place;
}

void add_row(const Request& request, RequestColumns& columns) {
  columns.instance.push_back(request.instance);
  columns.id.push_back(request.id);
  columns.input.push_back(request.input);
  columns.output.push_back(request.output - request.input);
  columns.arrival.push_back(request.arrival.count());
  columns.end_time.push_back(request.end_time.count());
  columns.latency.push_back(request.latency.count());
  columns.queuing_delay.push_back(request.queuing_delay.count());
  columns.ttft.push_back(request.ttft.count());
  columns.tpot.push_back(request.tpot.count());
  const bool in_session = request.source != nullptr && request.source->session >= 0;
  columns.session.push_back(in_session ? request.source->session : -1);
  columns.call.push_back(in_session ? request.source->session_call : -1);
  for (const Nanos gap : request.itl) {
    columns.itl.push_back(gap.count());
  }
  columns.itl_offsets.push_back(std::ssize(columns.itl));
}

}  // namespace

RequestColumns request_columns(const RunResult& result, const Cluster& cluster) {
  RequestColumns columns;
  for (const auto& requests : result.done) {
    for (const Request* request : requests) {
      add_row(*request, columns);
      const auto instance = static_cast<std::size_t>(request->instance);
      columns.model.push_back(place_of(cluster.instances[instance].model->name, columns.models));
    }
  }
  return columns;
}

void StepColumns::on_launch(std::span<Batch* const> batches, Nanos now) {
  for (const Batch* row : batches) {
    open_[{row->instance, row->id}] = launch.size();
    launch.push_back(now.count());
    end.push_back(-1);
    formed.push_back(row->batch_time.count());
    instance.push_back(row->instance);
    wave.push_back(launches_);
    batch.push_back(row->id);
    requests.push_back(std::ssize(row->entries));
    prefills.push_back(row->num_prefill);
    tokens.push_back(row->total_len - row->padding);
    padding.push_back(row->padding);
    dummy.push_back(row->dummy ? 1 : 0);
    kv_bytes.push_back(row->kv_size.count());
  }
  ++launches_;
}

void StepColumns::on_batch_done(std::int32_t member, std::int64_t id, Nanos now) {
  if (const auto found = open_.find({member, id}); found != open_.end()) {
    end[found->second] = now.count();
    open_.erase(found);
  }
}

}  // namespace lockstep::python
