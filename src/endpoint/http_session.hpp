// One connection of the HTTP server.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "endpoint/http_server.hpp"

namespace lockstep {

class HttpSession;

/// What connections know of their server; it outlives them.
struct HttpSessionHost {
  explicit HttpSessionHost(const HttpLimits& given) : limits(given) {}
  virtual ~HttpSessionHost() = default;
  HttpSessionHost(const HttpSessionHost&) = delete;
  HttpSessionHost& operator=(const HttpSessionHost&) = delete;

  virtual void closed(HttpSession* session) = 0;

  HttpLimits limits;
  HttpHandler* handler = nullptr;
  bool stopping = false;
};

/// One connection: reads a request, has it answered, reads the next. It lives as long as one of
/// its operations or its exchange does.
class HttpSession final : public HttpExchange, public std::enable_shared_from_this<HttpSession> {
public:
  HttpSession(boost::asio::ip::tcp::socket socket, HttpSessionHost& server)
      : stream_(std::move(socket)), server_(server), limits_(server.limits) {
    boost::beast::error_code ignored;
    stream_.socket().set_option(boost::asio::ip::tcp::no_delay(true), ignored);
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
  void on_head(boost::beast::error_code error);
  void on_body(boost::beast::error_code error);
  void on_bad_request(boost::beast::error_code error);
  void watch();
  void send();
  void on_sent(boost::beast::error_code error);
  [[nodiscard]] std::string head_text(int status, std::string_view content_type,
                                      std::string_view length) const;

  boost::beast::tcp_stream stream_;
  HttpSessionHost& server_;
  const HttpLimits& limits_;
  boost::beast::flat_buffer buffer_;
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
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

}  // namespace lockstep
