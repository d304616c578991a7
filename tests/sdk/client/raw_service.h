// What a connection of the SDK may meet instead of the service it dialled.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include "transport/interrupter.h"

namespace settle::sdk {

using std::chrono::milliseconds;

// Accepts one connection at a time, reads what comes, and answers with these bytes, `gap` between
// them.
class RawService {
 public:
  explicit RawService(std::string answer, milliseconds gap = milliseconds(0), bool hang_up = false)
      : answer_(std::move(answer)), gap_(gap), hang_up_(hang_up) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Run(); });
  }
  ~RawService() {
    stop_.Interrupt();
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int greeted() const { return greeted_; }  // by how many peers, with their first bytes

 private:
  void Run() {
    for (;;) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      char request[4096];
      if (::recv(peer, request, sizeof request, 0) > 0) {
        ++greeted_;
        Answer(peer);
      }
      if (!hang_up_) stop_.Sleep(std::chrono::seconds(30));
      ::close(peer);
    }
  }
  void Answer(int peer) {
    if (gap_ == milliseconds(0)) {
      ::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      return;
    }
    for (const char byte : answer_) {
      if (::send(peer, &byte, 1, MSG_NOSIGNAL) != 1 || stop_.Sleep(gap_)) return;
    }
  }

  const std::string answer_;
  const milliseconds gap_;
  const bool hang_up_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> greeted_{0};
  Interrupter stop_;
  std::thread thread_;
};

}  // namespace settle::sdk
