#include "endpoint/http_server.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <csignal>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"

namespace lockstep {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

class HttpSession;

struct HttpServer::Impl {
  explicit Impl(const HttpLimits& given) : limits(given) {}

  void accept();
  void closed(HttpSession* session);

  HttpLimits limits;
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  asio::steady_timer wake{io};
  asio::steady_timer again{io};
  asio::signal_set signals{io};
  HttpHandler* handler = nullptr;
  std::set<HttpSession*> sessions;
  bool accepting = false;
  bool stopping = false;
};

namespace {

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

/// One connection: reads a request, has it answered, reads the next. It lives as long as one of
/// its operations or its exchange does.
class HttpSession final : public HttpExchange, public std::enable_shared_from_this<HttpSession> {
public:
  HttpSession(tcp::socket socket, HttpServer::Impl& server)
      : stream_(std::move(socket)), server_(server), limits_(server.limits) {
    beast::error_code ignored;
    stream_.socket().set_option(tcp::no_delay(true), ignored);
    stream_.socket().non_blocking(true, ignored);
  }

  void read();
  void close();

  void reply(int status, std::string_view content_type, std::string body) override;
  void begin_stream(std::string_view content_type) override;
  void write(std::string_view text) override;
  void finish() override;
  void on_gone(std::function<void()> gone) override { gone_ = std::move(gone); }

private:
  void read_body();
  void on_head(beast::error_code error);
  void on_body(beast::error_code error);
  void on_bad_request(beast::error_code error);
  void watch();
  void send();
  void on_sent(beast::error_code error);
  [[nodiscard]] std::string head_text(int status, std::string_view content_type,
                                      std::string_view length) const;

  beast::tcp_stream stream_;
  HttpServer::Impl& server_;
  const HttpLimits& limits_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::function<void()> gone_;
  std::string pending_;  ///< to be sent
  std::string sending_;
  bool answering_ = false;  ///< from the request to finish()
  bool finished_ = false;
  bool busy_ = false;  ///< a send is under way
  bool keep_alive_ = true;
  bool closed_ = false;
  std::int64_t number_ = 0;  ///< of the request on this connection
};

void HttpSession::read() {
  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
  parser_->body_limit(limits_.body_bytes);
  stream_.expires_after(limits_.idle);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_head(error); });
}

void HttpSession::on_head(beast::error_code error) {
  if (error) {
    on_bad_request(error);
    return;
  }
  if (beast::iequals(parser_->get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(stream_, asio::buffer(kContinue),
                      [self = shared_from_this()](beast::error_code failed, std::size_t) {
                        failed ? self->close() : self->read_body();
                      });
    return;
  }
  read_body();
}

void HttpSession::read_body() {
  http::async_read(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_body(error); });
}

void HttpSession::on_body(beast::error_code error) {
  if (error) {
    on_bad_request(error);
    return;
  }
  auto message = parser_->release();
  keep_alive_ = message.keep_alive();
  answering_ = true;
  finished_ = false;
  ++number_;
  HttpRequest request;
  request.method = std::string(view(message.method_string()));
  const std::string_view target = view(message.target());
  request.path = std::string(target.substr(0, target.find('?')));
  request.body = std::move(message.body());
  stream_.expires_never();
  server_.handler->on_request(std::move(request), shared_from_this());
  if (answering_ && !finished_) {
    watch();
  }
}

void HttpSession::on_bad_request(beast::error_code error) {
  const bool left = error == http::error::end_of_stream || error == beast::error::timeout ||
                    error == asio::error::operation_aborted ||
                    error == http::error::partial_message ||
                    error.category() == asio::error::get_system_category();
  if (left || server_.handler == nullptr) {
    close();
    return;
  }
  int status = 400;
  std::string problem = fmt::format("this is no HTTP request: {}", error.message());
  if (error == http::error::body_limit) {
    status = 413;
    problem = fmt::format("the body is longer than {} bytes", limits_.body_bytes);
  } else if (error == http::error::header_limit) {
    status = 431;
    problem = fmt::format("the header is longer than {} bytes", limits_.header_bytes);
  }
  keep_alive_ = false;
  answering_ = true;
  finished_ = false;
  reply(status, "application/json", server_.handler->on_malformed(status, problem));
}

/// Sees the client leave while its answer is being made. What it sends meanwhile is its next
/// request, and is left where it is.
void HttpSession::watch() {
  stream_.socket().async_wait(tcp::socket::wait_read, [self = shared_from_this(),
                                                       number = number_](beast::error_code error) {
    if (error || self->closed_ || !self->answering_ || self->number_ != number) {
      return;
    }
    char next = 0;
    beast::error_code failed;
    self->stream_.socket().receive(asio::buffer(&next, 1), tcp::socket::message_peek, failed);
    if (failed == asio::error::would_block) {
      self->watch();
    } else if (failed) {
      self->close();
    }
  });
}

std::string HttpSession::head_text(int status, std::string_view content_type,
                                   std::string_view length) const {
  const auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return fmt::format(
      "HTTP/1.1 {} {}\r\nServer: lockstep\r\nContent-Type: {}\r\nCache-Control: no-store\r\n"
      "{}\r\nConnection: {}\r\n\r\n",
      status, view(reason), content_type, length, keep_alive_ ? "keep-alive" : "close");
}

void HttpSession::reply(int status, std::string_view content_type, std::string body) {
  if (closed_ || !answering_) {
    return;
  }
  pending_ = head_text(status, content_type, fmt::format("Content-Length: {}", body.size()));
  pending_ += body;
  finished_ = true;
  send();
}

void HttpSession::begin_stream(std::string_view content_type) {
  if (closed_ || !answering_) {
    return;
  }
  pending_ = head_text(200, content_type, "Transfer-Encoding: chunked");
  send();
}

void HttpSession::write(std::string_view text) {
  if (closed_ || !answering_ || text.empty()) {
    return;
  }
  if (pending_.size() + text.size() > limits_.unsent_bytes) {
    close();
    return;
  }
  fmt::format_to(std::back_inserter(pending_), "{:x}\r\n{}\r\n", text.size(), text);
  send();
}

void HttpSession::finish() {
  if (closed_ || !answering_) {
    return;
  }
  pending_ += "0\r\n\r\n";
  finished_ = true;
  send();
}

void HttpSession::send() {
  if (busy_ || pending_.empty()) {
    return;
  }
  busy_ = true;
  sending_.clear();
  sending_.swap(pending_);
  stream_.expires_after(limits_.idle);
  asio::async_write(
      stream_, asio::buffer(sending_),
      [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_sent(error); });
}

void HttpSession::on_sent(beast::error_code error) {
  busy_ = false;
  if (error) {
    close();
    return;
  }
  if (!pending_.empty()) {
    send();
    return;
  }
  stream_.expires_never();
  if (!finished_ || !answering_) {
    return;
  }
  answering_ = false;
  gone_ = nullptr;
  if (keep_alive_ && !server_.stopping) {
    read();
    return;
  }
  beast::error_code ignored;
  stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  close();
}

void HttpSession::close() {
  if (std::exchange(closed_, true)) {
    return;
  }
  const auto self = shared_from_this();
  beast::error_code ignored;
  stream_.socket().close(ignored);
  stream_.cancel();
  server_.closed(this);
  if (auto gone = std::exchange(gone_, nullptr); gone && answering_ && !finished_) {
    // Later, so that nobody is told in the middle of what he is doing.
    asio::post(server_.io, std::move(gone));
  }
}

// ---- the server -----------------------------------------------------------------------------

void HttpServer::Impl::accept() {
  if (accepting || stopping || sessions.size() >= limits.connections) {
    return;
  }
  accepting = true;
  acceptor.async_accept([this](beast::error_code error, tcp::socket socket) {
    accepting = false;
    if (stopping) {
      return;
    }
    if (error) {  // such as too many open files
      again.expires_after(std::chrono::milliseconds(100));
      again.async_wait([this](beast::error_code) { accept(); });
      return;
    }
    const auto session = std::make_shared<HttpSession>(std::move(socket), *this);
    sessions.insert(session.get());
    session->read();
    accept();
  });
}

void HttpServer::Impl::closed(HttpSession* session) {
  sessions.erase(session);
  if (!stopping) {
    accept();
  }
}

HttpServer::HttpServer(const std::string& host, std::uint16_t port, const HttpLimits& limits)
    : impl_(std::make_unique<Impl>(limits)) {
  const auto refuse = [&](const beast::error_code& error) {
    throw UserError(fmt::format("cannot listen on {}:{}: {}", host, port, error.message()),
                    Where{{}, 0, "--host, --port"},
                    "choose an address of this machine and a port "
                    "that is free (0: any)");
  };
  beast::error_code error;
  tcp::resolver resolver(impl_->io);
  const auto found = resolver.resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    refuse(error ? error : asio::error::host_not_found);
  }
  const tcp::endpoint endpoint = found.begin()->endpoint();
  tcp::acceptor& acceptor = impl_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) {
    acceptor.set_option(asio::socket_base::reuse_address(true), error);
  }
  if (!error) {
    acceptor.bind(endpoint, error);
  }
  if (!error) {
    acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    refuse(error);
  }
}

HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return impl_->acceptor.local_endpoint().port();
}

std::size_t HttpServer::num_connections() const {
  return impl_->sessions.size();
}

void HttpServer::run(HttpHandler& handler) {
  impl_->handler = &handler;
  impl_->signals.add(SIGINT);
  impl_->signals.add(SIGTERM);
  impl_->signals.async_wait([this](beast::error_code error, int) {
    if (!error) {
      stop();
    }
  });
  impl_->accept();
  impl_->io.run();
}

void HttpServer::stop() {
  if (std::exchange(impl_->stopping, true)) {
    return;
  }
  beast::error_code ignored;
  impl_->acceptor.close(ignored);
  impl_->signals.cancel(ignored);
  impl_->wake.cancel();
  impl_->again.cancel();
  const std::set<HttpSession*> sessions = impl_->sessions;
  for (HttpSession* session : sessions) {
    session->close();
  }
  impl_->io.stop();
}

void HttpServer::wake_at(Clock::time_point moment) {
  if (impl_->stopping) {
    return;
  }
  impl_->wake.expires_at(moment);
  impl_->wake.async_wait([this](beast::error_code error) {
    if (!error) {
      impl_->handler->on_wake();
    }
  });
}

}  // namespace lockstep
