#include "rpc/services.h"

#include <string_view>
#include <utility>

#include "rpc/participant_handler.h"
#include "rpc/peer_handler.h"

namespace settle::coordinator {
namespace {

// Of one connection: the visitor is one, whatever it calls.
class OneConnection {
 public:
  OneConnection(const ServiceParts& parts, const server::Caller& caller, server::Loop& loop)
      : parts_(parts),
        visitor_(std::make_shared<access::Visitor>(parts.gate, caller)),
        edge_(parts.observer, visitor_, *parts.calls[loop.index()], parts.off_loop) {}

  server::Service Find(std::string_view name) {
    Engine& engine = parts_.coordinator.engine;
    Inquiry& inquiry = parts_.coordinator.inquiry;
    if (name == "coordinator") {
      return {.async = std::make_shared<wire::CoordinatorServiceAsyncProcessor>(
                  std::make_shared<CoordinatorHandler>(parts_.coordinator, edge_))};
    }
    if (name == "participant") {
      return {.async = std::make_shared<wire::ParticipantServiceAsyncProcessor>(
                  std::make_shared<ParticipantHandler>(engine, inquiry, edge_))};
    }
    if (name == "peer") {
      return {.async = std::make_shared<wire::PeerServiceAsyncProcessor>(
                  std::make_shared<PeerHandler>(engine, inquiry, edge_))};
    }
    if (name == "admin") {
      return {.blocking = std::make_shared<wire::AdminServiceProcessor>(
                  std::make_shared<AdminHandler>(parts_.admin, visitor_))};
    }
    return {};
  }

 private:
  const ServiceParts& parts_;
  const std::shared_ptr<access::Visitor> visitor_;
  AsyncEdge edge_;
};

}  // namespace

server::ServicesFor ServicesOf(const ServiceParts& parts) {
  return [&parts](const server::Caller& caller, server::Loop& loop) -> server::Services {
    return [one = std::make_shared<OneConnection>(parts, caller, loop)](std::string_view name) {
      return one->Find(name);
    };
  };
}

}  // namespace settle::coordinator
