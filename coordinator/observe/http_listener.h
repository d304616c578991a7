// A small HTTP server for what machines look at: metrics and health. GET and HEAD, a fixed set of
// pages, plain text, one request a connection.
//
//   auto http = HttpListener::Start(*address, {{"/healthz", [] { return HttpReply{200, "ok\n"};
//   }}},
//                                   observer);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "engine/ports.h"
#include "server/listen_address.h"
#include "settle/vocabulary/status.h"

namespace settle::coordinator {

struct HttpReply {
  int status = 200;
  std::string body;
  std::string content_type = "text/plain; charset=utf-8";
};

// Makes a page. Called by several threads at a time; may block for a bounded time.
using HttpPage = std::function<HttpReply()>;

// What a client can take: two requests are answered at a time and twenty wait; a request has two
// seconds and 4 KiB for its line and headers, and its body is not read. More clients wait in the
// kernel. Nothing that they send reaches a page.
class HttpListener {
 public:
  // By path. The observer outlives the listener. kUnavailable: the address cannot be had.
  // kInvalid: it is one of IPv6, and the library was built without that, as Debian's is.
  [[nodiscard]] static Result<std::unique_ptr<HttpListener>> Start(
      const server::SocketAddress& address, std::map<std::string, HttpPage> pages,
      Observer& observer);
  ~HttpListener();  // waits for the requests in progress: two seconds, or what their pages take
  HttpListener(const HttpListener&) = delete;
  HttpListener& operator=(const HttpListener&) = delete;

  // Where it listens: "127.0.0.1:9420", also when any free port was asked for.
  const std::string& address() const { return address_; }

 private:
  class Server;
  HttpListener(std::unique_ptr<Server> server, std::string address);

  std::unique_ptr<Server> server_;
  std::string address_;
};

}  // namespace settle::coordinator
