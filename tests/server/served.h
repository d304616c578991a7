// A server on a free port in front of a handler that does little.
#pragma once

#include <gtest/gtest.h>
#include <thrift/processor/TMultiplexedProcessor.h>
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

// hello answers; outcome runs what the test put there; the rest is refused.
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
    auto all = std::make_shared<apache::thrift::TMultiplexedProcessor>();
    all->registerProcessor("coordinator",
                           std::make_shared<wire::CoordinatorServiceProcessor>(handler));
    server = std::make_unique<server::Server>(
        settings,
        [this, all](const server::Caller& caller) {
          const std::scoped_lock lock(mutex);
          callers.push_back(caller);
          return all;
        },
        server::Interrupts{.parked = [this] { parked.request_stop(); },
                           .all = [this] { calls.request_stop(); }},
        [this](const std::string& line) { heard.Take(line); });
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
  std::unique_ptr<server::Server> server;
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
