// Replays a recorded run without an engine: the recording says when batches were formed and when
// tokens appeared, the serving room says what was in them. Only for instances without pipelines,
// where a batch completes before the next one is formed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/cluster.hpp"
#include "serving/router.hpp"
#include "serving/scheduler.hpp"

namespace lockstep::testing {

/// One batch of the recording.
struct RecordedBatch {
  std::size_t instance = 0;
  Nanos formed;
  std::string content;  ///< lists and byte counts, as content_of() writes them
  std::vector<std::int64_t> requests;
  bool with_write_through = true;
};

/// One line of the result file.
struct RecordedRequest {
  std::int64_t id = 0;
  std::string times;  ///< everything after the model, as times_of() writes it
  std::vector<Nanos> tokens;
};

struct Recording {
  Cluster cluster;
  RunOptions options;
  Workload workload;
  std::vector<RecordedBatch> batches;    ///< in the order of forming
  std::vector<RecordedRequest> results;  ///< rows of the result file
};

struct ReplayFiles {
  std::filesystem::path config, workload, iterations, results;
  std::string flags;
  std::int64_t num_reqs = 0;
};

struct ReplayOutcome {
  std::size_t batches = 0, equal_batches = 0;
  std::size_t requests = 0, equal_requests = 0;
  std::string first_difference;

  [[nodiscard]] bool equal() const {
    return batches == equal_batches && requests == equal_requests;
  }
};

}  // namespace lockstep::testing
