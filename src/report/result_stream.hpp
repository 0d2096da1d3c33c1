// The results of a run that keeps no requests: each one's row is written, and its latencies are
// counted, when it ends.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "engine/run_result.hpp"
#include "report/row_spill.hpp"
#include "report/value_tally.hpp"

namespace lockstep {

/// Of the requests that one instance has finished.
struct InstanceLatencies {
  ValueTally ttft, tpot, itl;
};

class ResultStream final : public RunObserver {
public:
  /// `cluster` must outlive this. Without `csv` no rows are kept.
  ResultStream(const Cluster& cluster, const std::optional<std::filesystem::path>& csv);

  void on_request_done(const Request& request) override;
  [[nodiscard]] LogSeverity min_severity() const override { return LogSeverity::error; }

  /// By instance id.
  [[nodiscard]] std::vector<InstanceLatencies>& latencies() { return latencies_; }
  /// The result file; null: none is written.
  [[nodiscard]] RowSpill* rows() { return rows_ ? &*rows_ : nullptr; }

private:
  const Cluster& cluster_;
  std::vector<InstanceLatencies> latencies_;
  std::optional<RowSpill> rows_;
  std::string row_;
};

}  // namespace lockstep
