#include "endpoint/endpoint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "endpoint/api_answer.hpp"
#include "endpoint/api_request.hpp"
#include "endpoint/live_cluster.hpp"
#include "endpoint/placeholder_tokens.hpp"
#include "workload/workload_writer.hpp"

namespace lockstep {
namespace {

using Clock = HttpServer::Clock;

constexpr std::int64_t kUnlimitedAnswer = 128;     ///< tokens of a chat that names no limit
constexpr std::int64_t kUnlimitedCompletion = 16;  ///< of a completion, as the API says
constexpr const char* kJson = "application/json";

std::int64_t unix_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string only_model(const Cluster& cluster) {
  const std::string& name = cluster.instances.front().model->name;
  for (const Instance& instance : cluster.instances) {
    if (instance.model->name != name) {
      throw UserError(
          fmt::format("the cluster serves both '{}' and '{}'", name, instance.model->name),
          {"", 0, "nodes[*].instances[*].model_name"},
          "serve one model at a time: nobody routes requests by model");
    }
  }
  return name;
}

struct AnswerPlan {
  std::int64_t tokens = 0;
  FinishReason reason = FinishReason::length;
};

/// How long the answer is, and why it ends there.
AnswerPlan plan_answer(const ApiRequest& request, const EndpointOptions& options,
                       std::int64_t context) {
  const std::int64_t rest = context - static_cast<std::int64_t>(request.prompt.size());
  const bool chat = request.kind == ApiKind::chat;
  const std::int64_t limit =
      request.max_tokens.value_or(chat ? std::max<std::int64_t>(rest, 1) : kUnlimitedCompletion);
  if (request.ignore_eos) {
    return {limit, FinishReason::length};
  }
  const std::int64_t own_end =
      options.answer_tokens.value_or(request.max_tokens || !chat ? limit : kUnlimitedAnswer);
  const std::int64_t tokens = std::min(limit, std::max(own_end, request.min_tokens));
  return {tokens, tokens < limit ? FinishReason::stop : FinishReason::length};
}

/// A request whose answer is not complete.
struct Answering {
  std::shared_ptr<HttpExchange> exchange;
  ApiAnswer answer;
  PlaceholderAnswer words;
  FinishReason reason = FinishReason::length;
  bool stream = false;
  bool include_usage = false;
  std::int64_t tokens = 0;
};

}  // namespace

class Endpoint::Impl final : public HttpHandler, public LiveListener {
public:
  Impl(const Cluster& cluster, const RunOptions& run, KernelTimeLibrary& kernel_times,
       EndpointOptions options)
      : options_(std::move(options)),
        root_(only_model(cluster)),
        model_(options_.served_model.empty() ? root_ : options_.served_model),
        context_(cluster.instances.front().model->max_position_embeddings),
        caching_(std::any_of(cluster.instances.begin(), cluster.instances.end(),
                             [](const Instance& i) { return i.enable_prefix_caching; })),
        metrics_(model_, cluster.instances.size()),
        cluster_(cluster, run, kernel_times, metrics_, *this),
        server_(options_.host, options_.port, options_.limits) {
    if (options_.record) {
      record_.emplace(*options_.record);
    }
  }

  void on_request(HttpRequest request, std::shared_ptr<HttpExchange> exchange) override;
  std::string on_malformed(int status, std::string_view problem) override {
    return error_json(ApiError(status, "BadRequestError", std::string(problem)));
  }
  void on_wake() override { go_on(); }
  void on_token(std::int64_t request, std::int64_t index, Nanos now) override;
  void on_done(const Request& done) override;

  std::int64_t run();
  [[nodiscard]] const HttpServer& server() const { return server_; }
  [[nodiscard]] const std::string& model() const { return model_; }
  [[nodiscard]] const LiveCluster& cluster() const { return cluster_; }

private:
  void route(const HttpRequest& request, const std::shared_ptr<HttpExchange>& exchange);
  void generate(ApiKind kind, const HttpRequest& request,
                const std::shared_ptr<HttpExchange>& exchange);
  void start(const ApiRequest& request, const std::shared_ptr<HttpExchange>& exchange);
  void go_on();
  [[nodiscard]] Nanos simulated(Clock::time_point moment) const;
  [[nodiscard]] Clock::time_point real(Nanos time) const;
  [[nodiscard]] std::string metrics_text() const;

  EndpointOptions options_;
  std::string root_, model_;
  std::int64_t context_;
  bool caching_;
  std::int64_t created_ = unix_time();
  Clock::time_point begin_ = Clock::now();
  ServerMetrics metrics_;
  LiveCluster cluster_;
  ApiRequestReader reader_;
  std::optional<WorkloadWriter> record_;
  std::int64_t completed_ = 0;
  HttpServer server_;
  std::unordered_map<std::int64_t, Answering> answering_;  ///< by request; ends before the server
};

// ---- clocks ---------------------------------------------------------------------------------

Nanos Endpoint::Impl::simulated(Clock::time_point moment) const {
  const std::chrono::duration<double, std::nano> since = moment - begin_;
  return Nanos{static_cast<std::int64_t>(since.count() * options_.time_scale)};
}

Clock::time_point Endpoint::Impl::real(Nanos time) const {
  const double since = static_cast<double>(time.count()) / options_.time_scale;
  return begin_ + std::chrono::nanoseconds(static_cast<std::int64_t>(since) + 1);
}

/// Lets happen what is due, and asks to be woken for what comes next.
void Endpoint::Impl::go_on() {
  constexpr auto kSlice = std::chrono::milliseconds(5);  // then the network has its turn
  constexpr auto kLook = std::chrono::microseconds(250);
  const Clock::time_point now = Clock::now();
  const bool all = cluster_.advance(simulated(now), [&] { return Clock::now() - now > kSlice; });
  if (options_.stop_after && now - begin_ >= std::chrono::duration<double>(*options_.stop_after)) {
    server_.stop();
    return;
  }
  std::optional<Clock::time_point> next;
  if (!all) {
    next = now;
  } else if (const auto due = cluster_.next_time()) {
    // Events of devices come thick and fast; tokens may wait for the next look.
    next = std::max(real(*due), now + kLook);
  }
  if (options_.stop_after) {
    const auto stop = begin_ + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(*options_.stop_after));
    next = next ? std::min(*next, stop) : stop;
  }
  if (next) {
    server_.wake_at(*next);
  }
}

std::int64_t Endpoint::Impl::run() {
  begin_ = Clock::now();
  go_on();
  server_.run(*this);
  answering_.clear();
  if (record_) {
    record_->finish();
  }
  return completed_;
}

// ---- requests -------------------------------------------------------------------------------

void Endpoint::Impl::on_request(HttpRequest request, std::shared_ptr<HttpExchange> exchange) {
  try {
    route(request, exchange);
  } catch (const ApiError& error) {
    exchange->reply(error.status(), kJson, error_json(error));
  }
}

void Endpoint::Impl::route(const HttpRequest& request,
                           const std::shared_ptr<HttpExchange>& exchange) {
  const std::string& path = request.path;
  const bool generates = path == "/v1/completions" || path == "/v1/chat/completions";
  const bool tells =
      path == "/health" || path == "/version" || path == "/metrics" || path == "/v1/models";
  if (!generates && !tells) {
    throw ApiError::not_found(fmt::format(
        "there is nothing at {}; this server has /v1/chat/completions, /v1/completions, "
        "/v1/models, /metrics, /health and /version",
        path));
  }
  if (request.method != (generates ? "POST" : "GET")) {
    throw ApiError(405, "BadRequestError",
                   fmt::format("{} takes {}", path, generates ? "POST" : "GET"));
  }
  if (generates) {
    generate(path == "/v1/completions" ? ApiKind::completion : ApiKind::chat, request, exchange);
  } else if (path == "/v1/models") {
    exchange->reply(200, kJson, models_json(model_, root_, context_, created_));
  } else if (path == "/metrics") {
    exchange->reply(200, "text/plain; version=0.0.4; charset=utf-8", metrics_text());
  } else if (path == "/version") {
    exchange->reply(200, kJson, fmt::format("{{\"version\":\"{}\"}}", options_.version));
  } else {
    exchange->reply(200, kJson, "");
  }
}

void Endpoint::Impl::generate(ApiKind kind, const HttpRequest& request,
                              const std::shared_ptr<HttpExchange>& exchange) {
  const ApiRequest asked = reader_.read(kind, request.body);
  if (!asked.model.empty() && asked.model != model_) {
    throw ApiError::not_found(
        fmt::format("The model `{}` does not exist; this server has `{}`.", asked.model, model_),
        "model");
  }
  start(asked, exchange);
  go_on();
}

void Endpoint::Impl::start(const ApiRequest& request,
                           const std::shared_ptr<HttpExchange>& exchange) {
  const AnswerPlan plan = plan_answer(request, options_, context_);
  WorkloadRequest call;
  call.input_toks = static_cast<std::int64_t>(request.prompt.size());
  call.output_toks = plan.tokens;
  if (const auto refusal = cluster_.refusal(call.input_toks, call.output_toks)) {
    throw ApiError::bad_request(*refusal, "max_tokens");
  }
  const PlaceholderAnswer words(request.prompt);
  if (caching_) {
    call.input_ids = request.prompt;
    call.output_ids = words.tokens(plan.tokens);
  }
  call.arrival = simulated(Clock::now());
  const std::int64_t id = cluster_.submit(call);
  if (record_) {
    record_->write_request(call);
  }
  answering_.emplace(
      id, Answering{exchange, ApiAnswer(request.kind, id, model_, unix_time()), words, plan.reason,
                    request.stream, request.include_usage, plan.tokens});
  exchange->on_gone([this, id] {
    answering_.erase(id);
    cluster_.withdraw(id);
    go_on();
  });
  if (request.stream) {
    exchange->begin_stream("text/event-stream; charset=utf-8");
  }
}

// ---- answers --------------------------------------------------------------------------------

void Endpoint::Impl::on_token(std::int64_t request, std::int64_t index, Nanos /*now*/) {
  const auto found = answering_.find(request);
  if (found == answering_.end() || !found->second.stream) {
    return;
  }
  const Answering& at = found->second;
  if (index == 0) {
    at.exchange->write(at.answer.head());
  }
  if (index + 1 < at.tokens) {
    at.exchange->write(at.answer.word(at.words.word(index)));
  }
}

void Endpoint::Impl::on_done(const Request& done) {
  ++completed_;
  const auto found = answering_.find(done.id);
  ensure(found != answering_.end(), "an answer that nobody waits for");
  const Answering& at = found->second;
  const auto engine = static_cast<std::size_t>(done.instance);
  metrics_.finished(engine, {done.input, at.tokens, done.queuing_delay, done.ttft, done.latency,
                             done.tpot, at.reason});
  const SimulatedStamps stamps{done.instance, done.arrival, done.queuing_delay, done.ttft,
                               done.latency};
  const Usage usage{done.input, at.tokens, done.prefix_cache_hit};
  if (at.stream) {
    at.exchange->write(at.answer.last_word(at.words.word(at.tokens - 1), at.reason, stamps));
    if (at.include_usage) {
      at.exchange->write(at.answer.usage(usage));
    }
    at.exchange->write(ApiAnswer::end());
    at.exchange->finish();
  } else {
    std::string text;
    for (std::int64_t i = 0; i < at.tokens; ++i) {
      text += at.words.word(i);
    }
    at.exchange->reply(200, kJson, at.answer.whole(text, at.reason, usage, stamps));
  }
  answering_.erase(found);
}

std::string Endpoint::Impl::metrics_text() const {
  const Nanos now = simulated(Clock::now());
  const auto due = cluster_.next_time();
  const Nanos lag = due && *due < now ? now - *due : Nanos{0};
  return metrics_.text(cluster_.gauges(),
                       {static_cast<double>(now.count()) * 1e-9, options_.time_scale,
                        static_cast<double>(lag.count()) * 1e-9,
                        static_cast<std::int64_t>(server_.num_connections())});
}

Endpoint::Endpoint(const Cluster& cluster, const RunOptions& run, KernelTimeLibrary& kernel_times,
                   const EndpointOptions& options)
    : impl_(std::make_unique<Impl>(cluster, run, kernel_times, options)) {}
Endpoint::~Endpoint() = default;

std::uint16_t Endpoint::port() const {
  return impl_->server().port();
}

const std::string& Endpoint::model() const {
  return impl_->model();
}

const std::vector<std::string>& Endpoint::warnings() const {
  return impl_->cluster().simulation().warnings();
}

std::int64_t Endpoint::run() {
  return impl_->run();
}

}  // namespace lockstep
