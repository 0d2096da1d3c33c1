#include "endpoint/server_metrics.hpp"

#include <fmt/format.h>

#include <functional>
#include <iterator>

namespace lockstep {
namespace {

// vLLM's own bucket bounds, so that its dashboards and alerts fit. Seconds or tokens.
constexpr std::array kTtftBounds{0.001, 0.005, 0.01, 0.02,  0.04,  0.06,  0.08, 0.1,
                                 0.25,  0.5,   0.75, 1.0,   2.5,   5.0,   7.5,  10.0,
                                 20.0,  40.0,  80.0, 160.0, 640.0, 2560.0};
constexpr std::array kGapBounds{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2,  0.3,  0.4, 0.5,
                                0.75, 1.0,   2.5,  5.0,   7.5, 10.0, 20.0, 40.0, 80.0};
constexpr std::array kLatencyBounds{0.3,  0.5,   0.8,   1.0,   1.5,   2.0,    2.5,
                                    5.0,  10.0,  15.0,  20.0,  30.0,  40.0,   50.0,
                                    60.0, 120.0, 240.0, 480.0, 960.0, 1920.0, 7680.0};
constexpr std::array kTokenBounds{1.0,     2.0,     5.0,     10.0,    20.0,   50.0,
                                  100.0,   200.0,   500.0,   1000.0,  2000.0, 5000.0,
                                  10000.0, 20000.0, 50000.0, 100000.0};
constexpr std::array kStepBounds{1.0,   8.0,    16.0,   32.0,   64.0,   128.0,  256.0,
                                 512.0, 1024.0, 2048.0, 4096.0, 8192.0, 16384.0};

double seconds(Nanos time) {
  return static_cast<double>(time.count()) * 1e-9;
}

/// Of a label's value.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      out += '\\';
    }
    out += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return out;
}

/// One metric after the other: its head, then a line or more an engine.
class Page {
public:
  Page(const std::string& model, std::size_t engines) {
    for (std::size_t i = 0; i < engines; ++i) {
      labels_.push_back(fmt::format("engine=\"{}\",model_name=\"{}\"", i, model));
    }
  }
  void head(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(out_), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  template <class Value>
  void line(std::string_view name, std::string_view labels, Value value) {
    fmt::format_to(std::back_inserter(out_), "{}{}{}{} {}\n", name, labels.empty() ? "" : "{",
                   labels, labels.empty() ? "" : "}", value);
  }
  template <class ValueOf>
  void family(std::string_view name, std::string_view type, std::string_view help,
              const ValueOf& value_of) {
    head(name, type, help);
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      line(name, labels_[i], value_of(i));
    }
  }
  template <class HistogramOf>
  void histogram(std::string_view name, std::string_view help, const HistogramOf& of) {
    head(name, "histogram", help);
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      of(i).append_text(name, labels_[i], out_);
    }
  }
  [[nodiscard]] const std::string& labels(std::size_t engine) const { return labels_[engine]; }
  [[nodiscard]] std::string take() { return std::move(out_); }

private:
  std::vector<std::string> labels_;
  std::string out_;
};

void add_engine_gauges(const std::vector<EngineGauges>& engines, Page& page) {
  page.family("vllm:num_requests_running", "gauge", "Requests that the instance runs.",
              [&](std::size_t i) { return engines[i].running; });
  page.family("vllm:num_requests_waiting", "gauge", "Requests that wait at the instance.",
              [&](std::size_t i) { return engines[i].waiting; });
  for (const char* name : {"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"}) {
    page.family(name, "gauge", "Share of the KV blocks in use, 0 to 1.",
                [&](std::size_t i) { return engines[i].kv_usage; });
  }
  page.family("vllm:prefix_cache_queries_total", "counter",
              "Prompt tokens that were looked up in the prefix cache.",
              [&](std::size_t i) { return engines[i].prefix_queries; });
  page.family("vllm:prefix_cache_hits_total", "counter",
              "Prompt tokens that the prefix cache held.",
              [&](std::size_t i) { return engines[i].prefix_hits; });
  page.family("vllm:num_preemptions_total", "counter", "Preemptions.",
              [&](std::size_t i) { return engines[i].preemptions; });
  page.head("vllm:cache_config_info", "gauge", "The KV cache of the instance.");
  for (std::size_t i = 0; i < engines.size(); ++i) {
    page.line("vllm:cache_config_info",
              fmt::format("block_size=\"{}\",enable_prefix_caching=\"{}\",num_gpu_blocks=\"{}\",{}",
                          engines[i].block_size, engines[i].prefix_caching ? "True" : "False",
                          engines[i].num_blocks, page.labels(i)),
              1);
  }
}

void add_server_gauges(const ServerGauges& server, Page& page) {
  page.head("lockstep:simulated_time_seconds", "gauge", "Where the simulated clock stands.");
  page.line("lockstep:simulated_time_seconds", "", server.simulated_seconds);
  page.head("lockstep:time_scale", "gauge", "Simulated seconds in a second.");
  page.line("lockstep:time_scale", "", server.time_scale);
  page.head("lockstep:lag_seconds", "gauge",
            "Simulated seconds by which the simulation is behind its clock.");
  page.line("lockstep:lag_seconds", "", server.lag_seconds);
  page.head("lockstep:open_connections", "gauge", "Connections of clients.");
  page.line("lockstep:open_connections", "", server.connections);
}

}  // namespace

std::string_view to_string(FinishReason reason) {
  constexpr std::array<std::string_view, 3> kNames{"stop", "length", "abort"};
  return kNames[static_cast<std::size_t>(reason)];
}

ServerMetrics::Engine::Engine()
    : ttft(kTtftBounds),
      itl(kGapBounds),
      tpot(kGapBounds),
      latency(kLatencyBounds),
      queue(kLatencyBounds),
      prefill(kLatencyBounds),
      decode(kLatencyBounds),
      inference(kLatencyBounds),
      request_prompt_tokens(kTokenBounds),
      request_generation_tokens(kTokenBounds),
      step_tokens(kStepBounds) {}

ServerMetrics::ServerMetrics(std::string model, std::size_t num_engines)
    : model_(escaped(model)), engines_(num_engines) {}

void ServerMetrics::first_token(std::size_t engine, Nanos ttft, std::int64_t prompt_tokens) {
  Engine& at = engines_[engine];
  at.ttft.observe(seconds(ttft));
  at.prompt_tokens += prompt_tokens;
  ++at.generation_tokens;
}

void ServerMetrics::next_token(std::size_t engine, Nanos gap) {
  engines_[engine].itl.observe(seconds(gap));
  ++engines_[engine].generation_tokens;
}

void ServerMetrics::step(std::size_t engine, std::int64_t tokens) {
  engines_[engine].step_tokens.observe(static_cast<double>(tokens));
}

void ServerMetrics::finished(std::size_t engine, const FinishedRequest& request) {
  Engine& at = engines_[engine];
  ++at.finished[static_cast<std::size_t>(request.reason)];
  at.latency.observe(seconds(request.latency));
  at.queue.observe(seconds(request.queued));
  at.prefill.observe(seconds(request.ttft - request.queued));
  at.decode.observe(seconds(request.latency - request.ttft));
  at.inference.observe(seconds(request.latency - request.queued));
  if (request.generated_tokens > 1) {
    at.tpot.observe(seconds(request.tpot));
  }
  at.request_prompt_tokens.observe(static_cast<double>(request.prompt_tokens));
  at.request_generation_tokens.observe(static_cast<double>(request.generated_tokens));
}

void ServerMetrics::aborted(std::size_t engine) {
  ++engines_[engine].finished[static_cast<std::size_t>(FinishReason::abort)];
}

std::string ServerMetrics::text(const std::vector<EngineGauges>& engines,
                                const ServerGauges& server) const {
  Page page(model_, engines_.size());
  add_engine_gauges(engines, page);
  page.family("vllm:prompt_tokens_total", "counter",
              "Prompt tokens of requests past their prefill.",
              [&](std::size_t i) { return engines_[i].prompt_tokens; });
  page.family("vllm:generation_tokens_total", "counter", "Generated tokens.",
              [&](std::size_t i) { return engines_[i].generation_tokens; });
  page.head("vllm:request_success_total", "counter", "Requests that ended, by reason.");
  for (std::size_t i = 0; i < engines_.size(); ++i) {
    for (const FinishReason reason :
         {FinishReason::stop, FinishReason::length, FinishReason::abort}) {
      page.line("vllm:request_success_total",
                fmt::format("finished_reason=\"{}\",{}", to_string(reason), page.labels(i)),
                engines_[i].finished[static_cast<std::size_t>(reason)]);
    }
  }
  const auto histogram = [&](std::string_view name, std::string_view help,
                             Histogram Engine::*which) {
    page.histogram(name, help,
                   [&](std::size_t i) -> const Histogram& { return engines_[i].*which; });
  };
  histogram("vllm:time_to_first_token_seconds", "Arrival to first token.", &Engine::ttft);
  histogram("vllm:inter_token_latency_seconds", "Gap between tokens of a request.", &Engine::itl);
  histogram("vllm:time_per_output_token_seconds", "The same under its older name.", &Engine::itl);
  histogram("vllm:request_time_per_output_token_seconds", "Mean gap between tokens, by request.",
            &Engine::tpot);
  histogram("vllm:e2e_request_latency_seconds", "Arrival to last token.", &Engine::latency);
  histogram("vllm:request_queue_time_seconds", "Arrival to first step.", &Engine::queue);
  histogram("vllm:request_prefill_time_seconds", "First step to first token.", &Engine::prefill);
  histogram("vllm:request_decode_time_seconds", "First token to last token.", &Engine::decode);
  histogram("vllm:request_inference_time_seconds", "First step to last token.", &Engine::inference);
  histogram("vllm:request_prompt_tokens", "Prompt tokens of a request.",
            &Engine::request_prompt_tokens);
  histogram("vllm:request_generation_tokens", "Generated tokens of a request.",
            &Engine::request_generation_tokens);
  histogram("vllm:iteration_tokens_total", "Tokens of a step.", &Engine::step_tokens);
  add_server_gauges(server, page);
  return page.take();
}

}  // namespace lockstep
