// A simulated cluster whose requests come from outside while its clock goes on.
//
// Nothing in here looks at a real clock: what happens is a function of the requests and their
// arrival stamps, the same as in a run that knows them all beforehand.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "endpoint/server_metrics.hpp"
#include "engine/run_result.hpp"
#include "engine/simulation.hpp"

namespace lockstep {

/// Told in simulated order. May submit and withdraw requests only after the call that told it.
class LiveListener {
public:
  virtual ~LiveListener() = default;
  /// Token `index` (from 0) of a request at simulated time `now`.
  virtual void on_token(std::int64_t request, std::int64_t index, Nanos now) = 0;
  /// After its last token. `done` is gone after the call.
  virtual void on_done(const Request& done) = 0;
};

class LiveCluster final : private RunObserver {
public:
  /// All must outlive the cluster. Throws UserError as Simulation.
  LiveCluster(const Cluster& cluster, const RunOptions& options, KernelTimeLibrary& kernel_times,
              ServerMetrics& metrics, LiveListener& listener);
  ~LiveCluster() override;

  /// Nothing, or why some instance could never serve such a request.
  [[nodiscard]] std::optional<std::string> refusal(std::int64_t input, std::int64_t output) const;
  /// `call` (which nothing refuses) needs no id: it is the answer. It arrives at `call.arrival`, or
  /// just after the last advance if that is earlier; the call is changed accordingly.
  std::int64_t submit(WorkloadRequest& call);
  /// Its client has gone; does nothing for a request that is done.
  void withdraw(std::int64_t request);

  /// Goes on to simulated time `limit`, unless `enough` says to stop earlier; it is asked after
  /// each event. True: all up to the limit has happened.
  bool advance(Nanos limit, const std::function<bool()>& enough);
  /// When something happens next if nobody comes.
  [[nodiscard]] std::optional<Nanos> next_time() const { return simulation_.next_time(); }

  [[nodiscard]] const Simulation& simulation() const { return simulation_; }
  [[nodiscard]] std::vector<EngineGauges> gauges() const;
  [[nodiscard]] std::size_t num_open() const { return open_.size(); }

private:
  struct Open {
    WorkloadRequest call;
    Request request;
    std::int64_t told = 0;  ///< tokens
    Nanos last_token;
  };
  using Entries = std::vector<std::int64_t>;

  void on_launch(std::span<Batch* const> batches, Nanos now) override;
  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  void on_request_done(const Request& request) override;
  void tell_tokens(Open& open, std::size_t engine, Nanos now);
  void bury();

  const Cluster& cluster_;
  Workload nobody_;
  ServerMetrics& metrics_;
  LiveListener& listener_;
  Simulation simulation_;
  Nanos limit_{-1};
  std::int64_t next_id_ = 0;
  std::unordered_map<std::int64_t, std::unique_ptr<Open>> open_;
  std::vector<std::unique_ptr<Open>> ended_;  ///< some batch may still hold them
  std::map<std::pair<std::int32_t, std::int64_t>, Entries> in_flight_;  ///< by instance and batch
};

}  // namespace lockstep
