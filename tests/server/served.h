// A server on a free port in front of a handler that does little.
#pragma once

#include <gtest/gtest.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

#include "server/server.h"
#include "wire/CoordinatorService.h"

namespace settle::testing {

// hello answers; outcome runs what the test put there, which may block; the rest is refused.
class LittleHandler : public wire::CoordinatorServiceNull {
 public:
  void hello(wire::HelloReply& reply, const wire::HelloRequest& request) override {
    ++calls;
    reply.version = 1;
    reply.release = request.application;
    reply.log_id = log_id;
    reply.epoch = 1;
  }
  void outcome(wire::Ending& reply, const std::string& gtid) override {
    ++calls;
    on_outcome(reply, gtid);
  }

  std::string log_id;  // of hello
  std::atomic<int> calls{0};
  std::function<void(wire::Ending&, const std::string&)> on_outcome = [](wire::Ending&,
                                                                         const std::string&) {};
};

// The same on a loop: an outcome is awaited without a thread of the server.
class LittleAsyncHandler : public wire::CoordinatorServiceCobSvNull {
 public:
  LittleAsyncHandler(std::shared_ptr<LittleHandler> handler, server::Loop& loop,
                     server::Pool& outcomes)
      : handler_(std::move(handler)), loop_(loop), outcomes_(outcomes) {}

  void hello(std::function<void(const wire::HelloReply&)> returns,
             std::function<void(apache::thrift::TDelayedException*)>,
             const wire::HelloRequest& request) override {
    wire::HelloReply reply;
    handler_->hello(reply, request);
    returns(reply);
  }
  void outcome(std::function<void(const wire::Ending&)> returns,
               std::function<void(apache::thrift::TDelayedException*)>,
               const std::string& gtid) override {
    outcomes_.Post([this, returns, gtid] {
      auto ending = std::make_shared<wire::Ending>();
      handler_->outcome(*ending, gtid);
      loop_.Post([returns, ending] { returns(*ending); });
    });
  }

 private:
  const std::shared_ptr<LittleHandler> handler_;
  server::Loop& loop_;
  server::Pool& outcomes_;
};

// What the server complained of.
class Heard {
 public:
  void Take(const std::string& line) {
    const std::scoped_lock lock(mutex_);
    lines_.push_back(line);
    told_.notify_all();
  }
  std::vector<std::string> lines() {
    const std::scoped_lock lock(mutex_);
    return lines_;
  }
  bool AwaitOneWith(const std::string& words) {
    std::unique_lock lock(mutex_);
    return told_.wait_for(lock, std::chrono::seconds(10), [&] {
      for (const std::string& line : lines_) {
        if (line.find(words) != std::string::npos) return true;
      }
      return false;
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::string> lines_;
};

struct Served {
  explicit Served(const server::Settings& settings = {}, channel::LiveTls* tls = nullptr,
                  const std::vector<std::string>& listen = {"127.0.0.1:0"}) {
    server = std::make_unique<server::Server>(
        settings, loops, pool,
        [this](const server::Caller& caller, server::Loop& loop) -> server::Services {
          const std::scoped_lock lock(mutex);
          callers.push_back(caller);
          return [this, &loop](std::string_view name) { return Find(name, loop); };
        },
        server::Interrupts{.parked = [this] { parked.request_stop(); },
                           .all = [this] { calls.request_stop(); }},
        [this](const std::string& line) { heard.Take(line); });
    loops.Start();
    std::vector<server::SocketAddress> addresses;
    for (const std::string& text : listen) {
      const auto address = server::ParseListenAddress(text).and_then(server::Resolve);
      if (!address) throw std::runtime_error(Describe(address.error()));
      addresses.push_back(*address);
    }
    if (Status started = server->Start(addresses, tls); !started)
      throw std::runtime_error(Describe(started.error()));
  }
  const std::string& address() const { return server->address(); }

  // "coordinator" never blocks a loop; "blocking" is the same service with the server's threads.
  server::Service Find(std::string_view name, server::Loop& loop) {
    if (name == "coordinator") {
      return {.async = std::make_shared<wire::CoordinatorServiceAsyncProcessor>(
                  std::make_shared<LittleAsyncHandler>(handler, loop, outcomes))};
    }
    if (name == "blocking")
      return {.blocking = std::make_shared<wire::CoordinatorServiceProcessor>(handler)};
    return {};
  }

  std::shared_ptr<LittleHandler> handler = std::make_shared<LittleHandler>();
  // Of every connection that was served so far.
  std::vector<server::Caller> Callers() {
    const std::scoped_lock lock(mutex);
    return callers;
  }

  Heard heard;
  std::mutex mutex;
  std::vector<server::Caller> callers;
  std::stop_source parked;
  std::stop_source calls;
  server::Loops loops{2};
  server::Pool outcomes{4};
  server::Pool pool{4};
  std::unique_ptr<server::Server> server;
};

// A server that serves nothing, to see whether it could listen.
struct Listening {
  Listening() { loops.Start(); }
  server::Loops loops{1};
  server::Pool pool{1};
  server::Server server{{}, loops, pool, nullptr, {}, [](const std::string&) {}};
};

// An ordinary Thrift client.
class Client {
 public:
  explicit Client(const std::string& address, const std::string& service = "coordinator")
      : Client(std::make_shared<apache::thrift::transport::TSocket>(
                   "127.0.0.1", std::stoi(address.substr(address.rfind(':') + 1))),
               service) {}
  Client(std::shared_ptr<apache::thrift::transport::TSocket> socket, const std::string& service)
      : socket_(std::move(socket)),
        stub_(std::make_shared<apache::thrift::protocol::TMultiplexedProtocol>(
            std::make_shared<apache::thrift::protocol::TBinaryProtocol>(
                std::make_shared<apache::thrift::transport::TFramedTransport>(socket_)),
            service)) {
    socket_->setRecvTimeout(20'000);
    socket_->open();
  }
  wire::CoordinatorServiceClient* operator->() { return &stub_; }

  std::string Hello(const std::string& application) {
    wire::HelloRequest request;
    request.version_low = request.version_high = 1;
    request.application = application;
    wire::HelloReply reply;
    stub_.hello(reply, request);
    return reply.release;
  }

 private:
  std::shared_ptr<apache::thrift::transport::TSocket> socket_;
  wire::CoordinatorServiceClient stub_;
};

// The same at the file of a Unix socket.
class UnixClient : public Client {
 public:
  explicit UnixClient(const std::string& path)
      : Client(std::make_shared<apache::thrift::transport::TSocket>(path), "coordinator") {}
};

}  // namespace settle::testing
