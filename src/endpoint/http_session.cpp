#include "endpoint/http_session.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <iterator>
#include <utility>

namespace lockstep {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {
std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}
}  // namespace

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
    asio::post(stream_.get_executor(), std::move(gone));
  }
}

}  // namespace lockstep
