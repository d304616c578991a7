// Where the other sites of three-phase commits reach this process (PeerOptions): PeerService of
// thrift/peer.thrift, by the name "peer", behind the same kind of limits as the coordinator's port.
//
//   auto server = PeerServer::Listen(options.peers, options.tls, answer, options.warn);
//   ... offer (*server)->address() with every resource ...
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "channel/live_tls.h"
#include "server/complaints.h"
#include "server/server.h"
#include "settle/coordinator.h"
#include "transport/messages.h"

namespace settle::sdk {

// Answers once what it answers is durable, and may block. Called on several threads at a time; what
// it throws is an internal error for the peer.
using AnswerPeer = std::function<Result<SiteAnswer>(const PeerCall&)>;

// What peers say is small, and no peer needs many connections.
server::Settings PeerServerSettings();

class PeerServer {
 public:
  // Binds at once. May block on name resolution. With `tls` peers are let in by their certificates'
  // names (PeerOptions::names), and the files are read again when they change. kInvalid: the
  // options make no sense, or would let other machines in without either; kUnavailable: the address
  // cannot be bound. `warn` hears of what peers do wrong, a line a second at most, on any thread.
  [[nodiscard]] static Result<std::unique_ptr<PeerServer>> Listen(
      const PeerOptions& options, const TlsOptions& tls, AnswerPeer answer, server::Complain warn,
      const server::Settings& settings = PeerServerSettings());
  ~PeerServer();  // stops without patience
  PeerServer(const PeerServer&) = delete;
  PeerServer& operator=(const PeerServer&) = delete;

  // host:port that peers dial.
  const std::string& address() const { return address_; }

  // Accepts no more and waits so long for calls in progress to be answered, then cuts them off: a
  // peer that hears nothing asks again. Blocking; no call is in AnswerPeer when it returns.
  void Stop(std::chrono::milliseconds patience);

 private:
  PeerServer(std::unique_ptr<channel::LiveTls> tls, std::vector<std::string> names,
             AnswerPeer answer, server::Complain warn, const server::Settings& settings);
  server::ServicesFor Services(AnswerPeer answer);

  const std::unique_ptr<channel::LiveTls> tls_;  // null: plain
  const std::vector<std::string> names_;
  server::Complaints denials_;
  server::Loops loops_{1};
  server::Pool pool_{4};  // an answer may wait for a database
  server::Server server_;
  std::string address_;
};

}  // namespace settle::sdk
