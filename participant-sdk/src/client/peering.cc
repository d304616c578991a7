#include "client/peering.h"

#include <utility>

namespace settle::sdk {
namespace {
constexpr milliseconds kStopPatience{1'000};
}  // namespace

Result<std::unique_ptr<Peering>> Peering::Start(Program& program) {
  Participant& participant = program.participant;
  const CoordinatorOptions& options = program.options;
  const auto links =
      std::make_shared<Links>(PeerTls{options.tls, options.peers.names, options.addresses});
  participant.BecomeSites(options.peers, options.addresses,
                          [links](const std::string& address, const PeerCall& call, Instant by) {
                            return links->links.Tell(address, call, by);
                          });
  auto peering = std::unique_ptr<Peering>(new Peering(links));
  Result<std::unique_ptr<PeerServer>> server = PeerServer::Listen(
      options.peers, options.tls,
      [&participant](const PeerCall& call) { return participant.Answer(call); }, options.warn);
  if (!server) return Fail(std::move(server).error());
  peering->server_ = *std::move(server);
  participant.ReachedAt(peering->server_->address());
  return peering;
}

Peering::~Peering() { Stop(); }

void Peering::Stop() {
  links_->stop.Interrupt();
  if (server_ != nullptr) server_->Stop(kStopPatience);
  server_.reset();
}

}  // namespace settle::sdk
