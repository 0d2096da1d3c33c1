#include "report/result_stream.hpp"

#include "report/request_csv.hpp"

namespace lockstep {

ResultStream::ResultStream(const Cluster& cluster, const std::optional<std::filesystem::path>& csv)
    : cluster_(cluster), latencies_(cluster.instances.size()) {
  if (csv) {
    rows_.emplace(*csv, cluster.instances.size(), kRequestCsvHeader);
  }
}

void ResultStream::on_request_done(const Request& request) {
  const auto instance = static_cast<std::size_t>(request.instance);
  InstanceLatencies& latencies = latencies_[instance];
  latencies.ttft.add(request.ttft);
  latencies.tpot.add(request.tpot);
  for (const Nanos gap : request.itl) {
    latencies.itl.add(gap);
  }
  if (rows_) {
    row_.clear();
    append_request_row(row_, request, cluster_.instances[instance].model->name);
    rows_->append(instance, row_);
  }
}

}  // namespace lockstep
