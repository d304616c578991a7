// PeerService, for site 0 alone: what the sites of a three-phase commit ask the coordinator's
// witness when one of them leads a recovery round.
#pragma once

#include <memory>

#include "engine/engine.h"
#include "engine/ports.h"
#include "recovery/inquiry.h"
#include "rpc/calls.h"
#include "rpc/edge.h"
#include "wire/PeerService.h"

namespace settle::coordinator {

class PeerHandler : public wire::PeerServiceIf {
 public:
  // Of one connection, whose visitor it serves, on that connection's thread. References must
  // outlive the handler.
  PeerHandler(Engine& engine, Inquiry& inquiry, Calls& calls, Observer& observer,
              std::shared_ptr<access::Visitor> visitor);

  void tell(wire::SiteAnswer& reply, const wire::PeerRequest& request) override;

 private:
  Engine& engine_;
  Inquiry& inquiry_;
  Calls& calls_;
  Edge edge_;
};

}  // namespace settle::coordinator
