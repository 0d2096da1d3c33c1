// The OpenAI-compatible server before a simulated cluster: requests arrive when they come over the
// wire, their tokens are sent when the simulated clock has reached them.
//
// The simulated clock is the machine's, times a scale. It only says when something is sent, and
// stamps arrivals; what follows from the arrivals is LiveCluster's, and exact.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "config/cluster.hpp"
#include "endpoint/http_server.hpp"
#include "perf/kernel_times.hpp"

namespace lockstep {

struct EndpointOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8000;
  HttpLimits limits;
  double time_scale = 1;  ///< simulated seconds in a second
  /// Where the model ends by itself; nothing: at the limit of the request, or 128 without one.
  std::optional<std::int64_t> answer_tokens;
  std::string served_model;           ///< empty: the cluster's own name for it
  std::optional<std::string> record;  ///< workload file of the requests
  std::optional<double> stop_after;   ///< seconds
  std::string version;
};

/// One that serves; it looks at the real clock.
class Endpoint {
public:
  /// `cluster` and `kernel_times` must outlive it. Listens at once. Throws UserError for a cluster
  /// of several models and for an address that is not to be had.
  Endpoint(const Cluster& cluster, const RunOptions& run, KernelTimeLibrary& kernel_times,
           const EndpointOptions& options);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] const std::string& model() const;
  /// Before the start.
  [[nodiscard]] const std::vector<std::string>& warnings() const;
  /// Until a signal or the end of stop_after. Answers how many requests it has completed.
  std::int64_t run();

private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
