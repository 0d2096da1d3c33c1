// A run as a Chrome trace: the JSON that ui.perfetto.dev and chrome://tracing open. Events go to
// the file as they end, so that a long run needs no memory for them.
//
// Four processes: instances (a slice a step), NPUs (compute, communication, memory), network (a
// slice a collective's phase, by NPU and dimension), requests (queue, prefill, decode). Slices of
// one thread never overlap: where they would, a further thread takes them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/atomic_file.hpp"
#include "config/cluster.hpp"
#include "engine/device_listener.hpp"
#include "engine/run_result.hpp"
#include "report/provenance.hpp"

namespace lockstep {

class TraceWriter final : public RunObserver, public DeviceListener {
public:
  /// `cluster` must outlive it. Throws UserError when the place cannot be written.
  TraceWriter(const std::filesystem::path& file, const Cluster& cluster);

  void on_program(const Batch& batch, const IterationTrace& trace, const Program& program) override;
  void on_launch(std::span<Batch* const> batches, Nanos now) override;
  void on_batch_done(std::int32_t instance, std::int64_t batch, Nanos now) override;
  void on_request_done(const Request& request) override;
  void on_work(const DeviceWork& work) override;
  void on_phase(const NetworkPhase& phase) override;
  [[nodiscard]] bool wants_programs() const override { return true; }
  [[nodiscard]] DeviceListener* device_listener() override { return this; }
  [[nodiscard]] LogSeverity min_severity() const override { return LogSeverity::error; }

  /// Ends the file and puts it in its place. Throws UserError.
  /// `provenance` goes into the trace as well, unless it is empty.
  void commit(const Provenance& provenance = {});

private:
  enum class Process : std::uint8_t { instances = 1, npus, network, requests };
  struct Lane {
    std::int32_t tid = 0;
    std::int64_t until = 0;
  };
  struct Track {
    std::int32_t number = 0;  ///< order in the process
    std::string name;
    std::vector<Lane> lanes;
  };
  using TrackKey = std::pair<Process, std::int64_t>;
  struct OpenStep {
    Nanos launch;
    std::string name, args;
  };
  using BatchKey = std::pair<std::int32_t, std::int64_t>;

  /// `args`: members of a JSON object, may be empty.
  void slice(Process process, std::int64_t key, std::string_view track, std::string_view name,
             Nanos begin, Nanos end, std::string_view args);
  std::int32_t lane_of(Process process, std::int64_t key, std::string_view track, Nanos begin,
                       Nanos end);
  void event(std::string_view text);
  void name_process(Process process, std::string_view name);
  [[nodiscard]] std::string_view row_name(std::int32_t npu, std::int64_t batch,
                                          std::int32_t row) const;

  std::vector<std::int32_t> instance_of_npu_;
  std::map<TrackKey, Track> tracks_;
  std::array<std::int32_t, 5> next_tid_{};  ///< by process
  std::map<BatchKey, OpenStep> steps_;
  std::map<BatchKey, std::vector<std::string_view>> rows_;  ///< names of recent batches' rows
  bool first_ = true;
  AtomicFile file_;
};

}  // namespace lockstep
