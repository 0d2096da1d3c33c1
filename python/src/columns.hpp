// A run as columns: each a plain vector of numbers that NumPy arrays look into without a copy.
// Times are ns, lengths tokens, sizes bytes; -1 is "not set".
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "config/cluster.hpp"
#include "engine/run_result.hpp"

namespace lockstep::python {

using Column = std::vector<std::int64_t>;

/// One row a finished request, in the order of the result file.
struct RequestColumns {
  Column instance, id, input, output, arrival, end_time, latency, queuing_delay, ttft, tpot;
  Column session, call;  ///< -1: no session
  Column model;          ///< place in `models`
  std::vector<std::string> models;
  Column itl;                ///< gaps of all requests, one request after the other
  Column itl_offsets = {0};  ///< row r has [itl_offsets[r], itl_offsets[r + 1])
};

[[nodiscard]] RequestColumns request_columns(const RunResult& result, const Cluster& cluster);

/// Listens to a run; one row for a member's part in every step or wave.
class StepColumns final : public RunObserver {
public:
  void on_launch(std::span<Batch* const> batches, Nanos now) override;
  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  [[nodiscard]] bool wants_batches() const override { return true; }
  [[nodiscard]] LogSeverity min_severity() const override { return LogSeverity::error; }

  /// Steps and waves that have started.
  [[nodiscard]] std::int64_t launches() const { return launches_; }

  Column launch, end;  ///< end -1: still running
  Column formed;       ///< when the member's batch was ready: until launch it waits for others
  Column instance, wave, batch;
  Column requests, prefills, tokens, padding, dummy, kv_bytes;

private:
  std::int64_t launches_ = 0;
  std::map<std::pair<std::int32_t, std::int64_t>, std::size_t> open_;  ///< (instance, batch): row
};

}  // namespace lockstep::python
