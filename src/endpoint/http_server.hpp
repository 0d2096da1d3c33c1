// An HTTP/1.1 server for many long answers at once: one thread, one event loop, no thread a
// connection. It knows nothing of what it serves.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace lockstep {

struct HttpLimits {
  std::size_t connections = 4096;  ///< further ones wait until one closes
  std::size_t header_bytes = 16 << 10;
  std::size_t body_bytes = 32 << 20;
  std::size_t unsent_bytes = 4 << 20;  ///< of a client that does not read; then it is dropped
  std::chrono::seconds idle{60};  ///< to send a request, and to take the next piece of an answer
};

struct HttpRequest {
  std::string method;
  std::string path;  ///< without query
  std::string body;
};

/// The answer to one request: either reply(), or begin_stream(), write() and finish().
class HttpExchange {
public:
  virtual ~HttpExchange() = default;
  virtual void reply(int status, std::string_view content_type, std::string body) = 0;
  virtual void begin_stream(std::string_view content_type) = 0;
  virtual void write(std::string_view text) = 0;
  virtual void finish() = 0;
  /// `gone` is called once if the client leaves before the answer is complete.
  virtual void on_gone(std::function<void()> gone) = 0;
};

/// Exchanges must be given up before their server ends.
class HttpHandler {
public:
  virtual ~HttpHandler() = default;
  virtual void on_request(HttpRequest request, std::shared_ptr<HttpExchange> exchange) = 0;
  /// For what is no request: too large (413, 431) or malformed (400). The body that is sent.
  virtual std::string on_malformed(int status, std::string_view problem) = 0;
  /// A moment asked for by wake_at has come.
  virtual void on_wake() = 0;
};

class HttpServer {
public:
  using Clock = std::chrono::steady_clock;

  /// Listens at once; port 0 picks a free one. Throws UserError when the address is not to be had.
  HttpServer(const std::string& host, std::uint16_t port, const HttpLimits& limits);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// Serves until stop(), SIGINT or SIGTERM. Answers still open are cut off.
  void run(HttpHandler& handler);
  void stop();
  /// Calls on_wake() then; replaces the moment asked for before.
  void wake_at(Clock::time_point moment);
  [[nodiscard]] std::size_t num_connections() const;

  struct Impl;

private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace lockstep
