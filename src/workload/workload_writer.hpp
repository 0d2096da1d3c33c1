// Writes workloads as JSON lines, one request or session at a time: keys in the order input_toks,
// output_toks, arrival_time_ns (or tool_duration_ns), priority, lora, input_tok_ids,
// output_tok_ids, prefix_ids; ", " and ": " between; one '\n' per line. Ids are left out where
// there are none, and so is the priority 0.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/atomic_file.hpp"
#include "workload/generated_session.hpp"
#include "workload/workload.hpp"

namespace lockstep {

class WorkloadWriter {
public:
  /// Throws UserError when the file cannot be written.
  explicit WorkloadWriter(std::filesystem::path file);

  /// What the adapters of all following requests are called; without it they are left out.
  void name_loras(std::span<const std::string> names) { loras_ = names; }
  void write_request(const WorkloadRequest& request);
  /// With the keys of Mooncake's traces; the arrival is cut to whole milliseconds.
  void write_mooncake(const WorkloadRequest& request);
  void write_session(std::string_view session_id, Nanos arrival,
                     std::span<const WorkloadRequest> calls);
  /// Puts the file in its place; without it nothing is left behind.
  void finish();

private:
  void append_features(const WorkloadRequest& request);
  void append_call(const WorkloadRequest& call, std::string_view time_key, Nanos time);

  AtomicFile out_;
  std::span<const std::string> loras_;
  std::string line_;
};

/// A whole workload, sessions and flat requests in id order.
void write_workload(const Workload& workload, const std::filesystem::path& file);

}  // namespace lockstep
