// Requests one after the other, from a file or a generator, without holding all of them.
#pragma once

#include <filesystem>
#include <memory>

#include "workload/workload.hpp"

namespace lockstep {

class RequestSource {
public:
  virtual ~RequestSource() = default;
  /// Fills `request` with the next one; false, and nothing is changed, at the end. Throws UserError
  /// as read_workload() does.
  virtual bool next(WorkloadRequest& request) = 0;
};

/// The calls of a workload file in the order of the file. Throws UserError when it is missing.
[[nodiscard]] std::unique_ptr<RequestSource> open_workload(const std::filesystem::path& file,
                                                           const WorkloadReadOptions& options);

}  // namespace lockstep
