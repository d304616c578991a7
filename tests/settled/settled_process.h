// A settled of the test's own and clients that speak plain Thrift to it.
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thrift/protocol/TBinaryProtocol.h>
#include <thrift/protocol/TMultiplexedProtocol.h>
#include <thrift/transport/TBufferTransports.h>
#include <thrift/transport/TSocket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/child_process.h"
#include "support/temporary_directory.h"
#include "wire/CoordinatorService.h"
#include "wire/ParticipantService.h"

namespace settle::testing {

using namespace std::chrono_literals;

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// For a daemon with its log in the directory, on any free port, which its ready file names.
inline std::vector<std::string> OptionsIn(const TemporaryDirectory& directory,
                                          const std::vector<std::string>& more = {}) {
  std::vector<std::string> options{"--log",       directory / "settle.db", "--listen",
                                   "127.0.0.1:0", "--ready-file",          directory / "ready"};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

// A daemon of the test's own, killed with the object.
class Settled {
 public:
  Settled(const TemporaryDirectory& directory, std::vector<std::string> options,
          std::vector<std::string> environment = {})
      : output_(directory / ("output-" + std::to_string(++count))), ready_(directory / "ready") {
    const char* programs = std::getenv("SETTLE_BIN");
    options.insert(options.begin(), std::string(programs != nullptr ? programs : ".") + "/settled");
    Launch launch;
    launch.arguments = std::move(options);
    launch.output_path = output_;
    launch.environment = std::move(environment);
    launch.ends_with_starter = true;
    process_ = StartProcess(launch);
  }
  ~Settled() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    AwaitProcess(process_);
  }
  Settled(const Settled&) = delete;
  Settled& operator=(const Settled&) = delete;

  void Signal(int signal) const { ::kill(process_, signal); }
  pid_t id() const { return process_; }

  // Its exit code; none if it has not ended by then, or was killed.
  std::optional<int> ExitCode(std::chrono::milliseconds at_most = 20s) {
    const auto deadline = std::chrono::steady_clock::now() + at_most;
    while (!HasEnded(process_)) {
      if (std::chrono::steady_clock::now() > deadline) return std::nullopt;
      std::this_thread::sleep_for(2ms);
    }
    const int status = AwaitProcess(process_);
    process_ = -1;
    return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
  }

  // The address of the ready file.
  std::string AwaitAddress() {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!Exists(ready_)) {
      if (HasEnded(process_) || std::chrono::steady_clock::now() > deadline) {
        throw std::runtime_error("settled does not serve: " + Said());
      }
      std::this_thread::sleep_for(2ms);
    }
    return ReadFile(ready_);
  }
  // Of an address that has one.
  int AwaitPort() {
    const std::string address = AwaitAddress();
    return std::stoi(address.substr(address.rfind(':') + 1));
  }

  std::string Said() const { return ReadFile(output_); }
  bool AwaitSaid(const std::string& words) const {
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (Said().find(words) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }

 private:
  static inline int count = 0;
  const std::string output_;
  const std::string ready_;
  pid_t process_ = -1;
};

// One connection, for one service of the contract.
template <typename Stub>
class Connection {
 public:
  Connection(int port, const char* service)
      : Connection(std::make_shared<apache::thrift::transport::TSocket>("127.0.0.1", port),
                   service) {}
  // Opens the socket.
  Connection(std::shared_ptr<apache::thrift::transport::TSocket> socket, const char* service)
      : socket_(std::move(socket)),
        stub_(std::make_shared<apache::thrift::protocol::TMultiplexedProtocol>(
            std::make_shared<apache::thrift::protocol::TBinaryProtocol>(
                std::make_shared<apache::thrift::transport::TFramedTransport>(socket_)),
            service)) {
    socket_->setRecvTimeout(20'000);
    socket_->open();
  }
  Stub* operator->() { return &stub_; }
  apache::thrift::transport::TSocket& socket() { return *socket_; }

 private:
  std::shared_ptr<apache::thrift::transport::TSocket> socket_;
  Stub stub_;
};

class Client : public Connection<wire::CoordinatorServiceClient> {
 public:
  explicit Client(int port) : Connection(port, "coordinator") {}
  explicit Client(std::shared_ptr<apache::thrift::transport::TSocket> socket)
      : Connection(std::move(socket), "coordinator") {}

  std::string Begin(const wire::BeginRequest& request = {}) {
    wire::BeginReply reply;
    (*this)->begin_transaction(reply, request);
    return reply.gtid;
  }
  wire::Ending OutcomeOf(const std::string& gtid) {
    wire::Ending ending;
    (*this)->outcome(ending, gtid);
    return ending;
  }
};

class ParticipantClient : public Connection<wire::ParticipantServiceClient> {
 public:
  explicit ParticipantClient(int port) : Connection(port, "participant") {}
};

}  // namespace settle::testing
