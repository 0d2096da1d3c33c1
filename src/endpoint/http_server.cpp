#include "endpoint/http_server.hpp"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "endpoint/http_session.hpp"

namespace lockstep {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

struct HttpServer::Impl final : HttpSessionHost {
  using HttpSessionHost::HttpSessionHost;

  void accept();
  void closed(HttpSession* session) override;

  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  asio::steady_timer wake{io};
  asio::steady_timer again{io};
  asio::signal_set signals{io};
  std::set<HttpSession*> sessions;
  bool accepting = false;
};

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
