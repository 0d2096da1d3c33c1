// What a scraper of a vLLM server looks for, of the simulated cluster: the same names and labels,
// one engine an instance. Times are simulated seconds.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.hpp"
#include "endpoint/histogram.hpp"

namespace lockstep {

enum class FinishReason : std::uint8_t { stop, length, abort };
[[nodiscard]] std::string_view to_string(FinishReason reason);

/// The state of an instance when the metrics are asked for.
struct EngineGauges {
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  double kv_usage = 0;  ///< 0..1
  std::int64_t prefix_queries = 0;
  std::int64_t prefix_hits = 0;
  std::int64_t preemptions = 0;
  std::int64_t block_size = 0;
  std::int64_t num_blocks = 0;
  bool prefix_caching = false;
};

/// The state of the server itself.
struct ServerGauges {
  double simulated_seconds = 0;
  double time_scale = 1;
  double lag_seconds = 0;  ///< simulated: how far the simulation is behind its clock
  std::int64_t connections = 0;
};

/// A request that has got its last token.
struct FinishedRequest {
  std::int64_t prompt_tokens = 0;
  std::int64_t generated_tokens = 0;
  Nanos queued, ttft, latency, tpot;
  FinishReason reason = FinishReason::length;
};

class ServerMetrics {
public:
  ServerMetrics(std::string model, std::size_t num_engines);

  void first_token(std::size_t engine, Nanos ttft, std::int64_t prompt_tokens);
  void next_token(std::size_t engine, Nanos gap);
  /// A step of `tokens` tokens, prompt and generated.
  void step(std::size_t engine, std::int64_t tokens);
  void finished(std::size_t engine, const FinishedRequest& request);
  /// Its client went away.
  void aborted(std::size_t engine);

  /// The text format of Prometheus, version 0.0.4; `engines` by instance.
  [[nodiscard]] std::string text(const std::vector<EngineGauges>& engines,
                                 const ServerGauges& server) const;

private:
  struct Engine {
    Engine();
    std::int64_t prompt_tokens = 0;
    std::int64_t generation_tokens = 0;
    std::array<std::int64_t, 3> finished{};  ///< by FinishReason
    Histogram ttft, itl, tpot, latency, queue, prefill, decode, inference;
    Histogram request_prompt_tokens, request_generation_tokens, step_tokens;
  };

  std::string model_;  ///< escaped for a label
  std::vector<Engine> engines_;
};

}  // namespace lockstep
