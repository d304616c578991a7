// This process among the sites of three-phase commits: answers its peers, and speaks to them.
#pragma once

#include <memory>
#include <utility>

#include "client/program.h"
#include "peer/peer_links.h"
#include "peer/peer_server.h"
#include "transport/interrupter.h"

namespace settle::sdk {

class Peering {
 public:
  // Before the program attaches: its resources are offered with the address. Errors as
  // PeerServer::Listen.
  [[nodiscard]] static Result<std::unique_ptr<Peering>> Start(Program& program);
  ~Peering();  // Stop()
  Peering(const Peering&) = delete;
  Peering& operator=(const Peering&) = delete;

  // Where peers reach it, until it stops.
  std::string address() const { return server_ == nullptr ? "" : server_->address(); }

  // Blocking, a second or so: answers what is being asked, and leads no more.
  void Stop();

 private:
  struct Links {
    explicit Links(PeerTls tls) : links(&stop, std::move(tls)) {}
    Interrupter stop;
    PeerLinks links;
  };
  explicit Peering(std::shared_ptr<Links> links) : links_(std::move(links)) {}

  const std::shared_ptr<Links> links_;  // the participant's too
  std::unique_ptr<PeerServer> server_;
};

}  // namespace settle::sdk
