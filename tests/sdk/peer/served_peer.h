// A process whose resources are sites, listening on a free port, and what it complained of.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "peer/peer_server.h"
#include "support/wait_until.h"

namespace settle::sdk {

inline PeerCall Elect(const std::string& resource = "bank") {
  return {
      {Gtid::Make("abcdefghijkl", 3, 7, 0x01020304), 2}, resource, {PeerVerb::kElect, {3, 1}, {}}};
}
inline SiteAnswer Joined() { return {SiteState::kWaiting, {3, 1}, {1, 0}, {}}; }

class ServedPeer {
 public:
  explicit ServedPeer(
      AnswerPeer answer = [](const PeerCall&) { return Joined(); },
      const server::Settings& settings = PeerServerSettings(),
      const PeerOptions& options = {.listen = "127.0.0.1:0"}, const TlsOptions& tls = {}) {
    Result<std::unique_ptr<PeerServer>> listening = PeerServer::Listen(
        options, tls, std::move(answer),
        [this](const std::string& line) {
          const std::scoped_lock lock(mutex_);
          warnings_.push_back(line);
        },
        settings);
    if (!listening) throw std::runtime_error(Describe(listening.error()));
    server_ = *std::move(listening);
  }

  const std::string& address() const { return server_->address(); }
  void Stop(std::chrono::milliseconds patience) { server_->Stop(patience); }
  // As the kernel counts them (proc(5), /proc/net/tcp: local address, remote address, state).
  std::size_t open_connections() const {
    const auto port = static_cast<unsigned>(std::stoul(address().substr(address().find(':') + 1)));
    std::ifstream table("/proc/self/net/tcp");
    std::string line;
    std::size_t count = 0;
    while (std::getline(table, line)) {
      unsigned local_port = 0;
      unsigned state = 0;
      const bool one = std::sscanf(line.c_str(), " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x",
                                   &local_port, &state) == 2;
      constexpr unsigned kEstablished = 1;
      if (one && local_port == port && state == kEstablished) ++count;
    }
    return count;
  }
  bool AwaitWarning(const std::string& words) {
    return testing::WaitUntil([&] {
      const std::scoped_lock lock(mutex_);
      for (const std::string& line : warnings_) {
        if (line.find(words) != std::string::npos) return true;
      }
      return false;
    });
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> warnings_;
  std::unique_ptr<PeerServer> server_;
};

}  // namespace settle::sdk
