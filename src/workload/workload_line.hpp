// One line of a workload: the requests that it stands for.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "workload/json_field.hpp"
#include "workload/line_scanner.hpp"
#include "workload/workload.hpp"

namespace lockstep {

/// Takes the lines of one file, or of one text, in order. Throws UserError.
class WorkloadReader {
public:
  WorkloadReader(std::string file, const WorkloadReadOptions& options)
      : file_(std::move(file)), options_(options) {}

  /// LineReader::kPadding readable bytes must follow the line.
  void read_line(std::string_view line, std::int64_t number);
  Workload take() { return std::move(workload_); }
  /// Puts the requests read since the last call into `out`; ids go on.
  void drain(std::vector<WorkloadRequest>& out) {
    out.clear();
    std::swap(out, workload_.requests);
  }
  [[nodiscard]] std::int64_t num_requests() const { return next_id_; }

private:
  void read_flat(const LinePlace& place);
  void read_mooncake(const LinePlace& place);
  WorkloadRequest& add(WorkloadRequest request, const JsonField& input, const JsonField& output);
  void read_prefix_ids(WorkloadRequest& request, const JsonField& field) const;
  void read_session(const LinePlace& place);
  WorkloadRequest& read_call(const LineKeys& keys, const LinePlace& place, std::int64_t call);
  static void read_priority(WorkloadRequest& request, const JsonField& field);
  void read_lora(WorkloadRequest& request, const JsonField& field);
  std::string session_id(const LinePlace& place);

  std::string file_;
  WorkloadReadOptions options_;
  LineScanner scanner_;
  std::unordered_map<std::string, std::int64_t> session_lines_;  ///< looked up, never walked
  std::unordered_map<std::string, std::int32_t> loras_;          ///< looked up, never walked
  Workload workload_;
  std::int64_t next_id_ = 0;
};

}  // namespace lockstep
