#include "observe/http_listener.h"

#include <civetweb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <exception>
#include <future>
#include <string_view>
#include <utility>

namespace settle::coordinator {
namespace {

constexpr std::chrono::milliseconds kNudgePause{10};

const char* ReasonOf(int status) {
  switch (status) {
    case 200: return "OK";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 503: return "Service Unavailable";
  }
  return "Internal Server Error";
}

void Write(mg_connection* connection, const HttpReply& reply, bool with_body) {
  mg_printf(
      connection,
      "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%sConnection: close\r\n\r\n",
      reply.status, ReasonOf(reply.status), reply.content_type.c_str(), reply.body.size(),
      reply.status == 405 ? "Allow: GET, HEAD\r\n" : "");
  if (with_body) mg_write(connection, reply.body.data(), reply.body.size());
}

}  // namespace

class HttpListener::Server {
 public:
  Server(std::map<std::string, HttpPage> pages, Observer& observer)
      : pages_(std::move(pages)), observer_(observer) {}
  ~Server() {
    if (context_ == nullptr) return;
    auto stopped = std::async(std::launch::async, [this] { mg_stop(context_); });
    while (stopped.wait_for(kNudgePause) != std::future_status::ready) Nudge();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Where it listens.
  Result<std::string> Start(const server::SocketAddress& address) {
    const std::string text = address.text();
    if (address.storage.ss_family == AF_INET6 && mg_check_feature(MG_FEATURES_IPV6) == 0) {
      return Fail(ErrorCode::kInvalid,
                  "cannot listen on " + text + " for HTTP: CivetWeb was built without IPv6 here",
                  "name an IPv4 address, such as 127.0.0.1");
    }
    const char* options[] = {"listening_ports",
                             text.c_str(),
                             "num_threads",
                             "2",
                             "connection_queue",
                             "20",
                             "request_timeout_ms",
                             "2000",
                             "max_request_size",
                             "4096",
                             "enable_keep_alive",
                             "no",
                             nullptr};
    mg_callbacks callbacks{};
    callbacks.log_message = [](const mg_connection* connection, const char* message) {
      const mg_context* const context = connection ? mg_get_context(connection) : nullptr;
      if (context != nullptr) static_cast<Server*>(mg_get_user_data(context))->Log(message);
      return 1;
    };
    mg_init_data data{&callbacks, this, options};
    std::array<char, 256> why{};
    mg_error_data error{};
    error.text = why.data();
    error.text_buffer_size = why.size();
    context_ = mg_start2(&data, &error);
    mg_server_port port{};
    if (context_ == nullptr || mg_get_server_ports(context_, 1, &port) != 1) {
      return Fail(ErrorCode::kUnavailable, "cannot listen on " + text + " for HTTP: " + why.data(),
                  "choose another --http-listen, or see who has it: ss -ltnp");
    }
    mg_set_request_handler(
        context_, "/",
        [](mg_connection* connection, void* server) {
          return static_cast<Server*>(server)->Answer(connection);
        },
        this);
    address_ = server::Resolve(*server::ParseListenAddress(text.substr(0, text.rfind(':') + 1) +
                                                           std::to_string(port.port)));
    return address_->text();
  }

 private:
  // The library looks whether it is to stop when somebody connects, else every two seconds.
  void Nudge() const {
    if (!address_) return;
    const int socket =
        ::socket(address_->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return;
    const auto* to = reinterpret_cast<const sockaddr*>(&address_->storage);
    [[maybe_unused]] const int connected = ::connect(socket, to, address_->length);
    ::close(socket);
  }

  // The status that was answered. No exception may pass through a library in C.
  int Answer(mg_connection* connection) noexcept {
    const mg_request_info& request = *mg_get_request_info(connection);
    const std::string_view method(request.request_method);
    const bool known_method = method == "GET" || method == "HEAD";
    const HttpReply reply =
        known_method ? Find(request.local_uri) : HttpReply{405, "only GET and HEAD are answered\n"};
    Write(connection, reply, method != "HEAD");
    return reply.status;
  }

  HttpReply Find(std::string_view path) const {
    const auto page = pages_.find(std::string(path));
    if (page != pages_.end()) {
      try {
        return page->second();
      } catch (const std::exception& error) {
        return {500, std::string("this page could not be made: ") + error.what() + "\n"};
      }
    }
    std::string known;
    for (const auto& [name, make] : pages_) known += " " + name;
    return {404, "there is no such page; there are:" + known + "\n"};
  }

  void Log(const char* message) const {
    observer_.Event(Observer::Level::kDebug, {}, std::string("http: ") + message);
  }

  const std::map<std::string, HttpPage> pages_;
  Observer& observer_;
  mg_context* context_ = nullptr;
  Result<server::SocketAddress> address_ = Fail(ErrorCode::kInternal, "not started");
};

HttpListener::HttpListener(std::unique_ptr<Server> server, std::string address)
    : server_(std::move(server)), address_(std::move(address)) {}

HttpListener::~HttpListener() = default;

Result<std::unique_ptr<HttpListener>> HttpListener::Start(const server::SocketAddress& address,
                                                          std::map<std::string, HttpPage> pages,
                                                          Observer& observer) {
  auto server = std::make_unique<Server>(std::move(pages), observer);
  Result<std::string> here = server->Start(address);
  if (!here) return Fail(std::move(here).error());
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(server), *std::move(here)));
}

}  // namespace settle::coordinator
