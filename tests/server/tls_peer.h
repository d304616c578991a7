// A client that speaks TLS, in steps of the test's choice.
#pragma once

#include <poll.h>

#include <chrono>
#include <memory>
#include <string>

#include "channel/channel.h"
#include "channel/live_tls.h"
#include "served.h"
#include "support/certificates.h"
#include "support/raw_peer.h"

namespace settle::testing {

inline std::shared_ptr<const channel::TlsMaterial> Dialling(const channel::TlsFiles& files) {
  auto read = channel::TlsMaterial::Read(files, channel::TlsMaterial::Side::kDials);
  if (!read) throw std::runtime_error(Describe(read.error()));
  return *read;
}

class TlsPeer {
 public:
  TlsPeer(const std::string& address, const channel::TlsFiles& files,
          const std::string& host = "127.0.0.1")
      : channel_(::dup(RawPeer(address).socket()), Dialling(files), host) {}

  // "": it is done; else why not.
  std::string Handshake() {
    return Do([&] { return channel_.Handshake(); });
  }
  std::string Send(const std::string& bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const std::string failed = Do([&] {
        return channel_.Send(
            {reinterpret_cast<const std::uint8_t*>(bytes.data()) + sent, bytes.size() - sent});
      });
      if (!failed.empty()) return failed;
      sent += moved_;
    }
    return "";
  }
  // What ends the connection, once something does.
  std::string AwaitEnd() {
    std::vector<std::uint8_t> room(16 * 1024);
    for (;;) {
      const std::string failed = Do([&] { return channel_.Receive(room); });
      if (!failed.empty()) return failed;
    }
  }
  channel::Channel& channel() { return channel_; }

 private:
  template <typename Act>
  std::string Do(Act act) {
    for (;;) {
      const channel::Step step = act();
      moved_ = step.bytes;
      if (step.kind == channel::Step::Kind::kMoved) return "";
      if (step.kind == channel::Step::Kind::kClosed) return "closed";
      if (step.kind == channel::Step::Kind::kBroken) return channel_.why();
      const bool reads = step.kind == channel::Step::Kind::kWantsRead;
      pollfd entry{channel_.socket(), static_cast<short>(reads ? POLLIN : POLLOUT), 0};
      if (::poll(&entry, 1, 10'000) <= 0) return "nothing moved for ten seconds";
    }
  }

  channel::Channel channel_;
  std::size_t moved_ = 0;
};

// An authority, a server's certificate, and a server that has it.
struct TlsServed {
  explicit TlsServed(const server::Settings& settings = {}, const CertificateWish& wish = {},
                     const std::vector<std::string>& listen = {"127.0.0.1:0"})
      : files(authority.Issue("coordinator", wish)),
        tls(Open()),
        served(settings, tls.get(), listen) {}

  std::unique_ptr<channel::LiveTls> Open() {
    auto opened = channel::LiveTls::Open(
        files, {.inform = [this](const std::string& line) { informed.Take(line); },
                .warn = [this](const std::string& line) { warned.Take(line); }});
    if (!opened) throw std::runtime_error(Describe(opened.error()));
    return *std::move(opened);
  }
  // Whether a client that is in order is served.
  bool ServesOthers() {
    TlsPeer other(served.address(), authority.Issue("other"));
    const std::string call = Frame(CallHeader("coordinator:explode") + kStop);
    if (!other.Handshake().empty() || !other.Send(call).empty()) return false;
    std::vector<std::uint8_t> room(4096);
    pollfd entry{other.channel().socket(), POLLIN, 0};
    while (::poll(&entry, 1, 10'000) > 0) {
      const channel::Step got = other.channel().Receive(room);
      if (!got.waits()) return got.kind == channel::Step::Kind::kMoved;
    }
    return false;
  }

  TemporaryDirectory directory;
  Authority authority{directory};
  Heard informed;
  Heard warned;
  const channel::TlsFiles files;
  std::unique_ptr<channel::LiveTls> tls;
  Served served;
};

}  // namespace settle::testing
