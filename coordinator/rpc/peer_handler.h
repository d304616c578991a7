// PeerService, for site 0 alone: what the sites of a three-phase commit ask the coordinator's
// witness when one of them leads a recovery round. Thread-safe.
#pragma once

#include "engine/engine.h"
#include "engine/ports.h"
#include "recovery/inquiry.h"
#include "rpc/calls.h"
#include "server/caller.h"
#include "wire/PeerService.h"

namespace settle::coordinator {

class PeerHandler : public wire::PeerServiceIf {
 public:
  // Of one connection, whose caller it serves. References must outlive the handler.
  PeerHandler(Engine& engine, Inquiry& inquiry, Calls& calls, Observer& observer,
              server::Caller caller);

  void tell(wire::SiteAnswer& reply, const wire::PeerRequest& request) override;

 private:
  Engine& engine_;
  Inquiry& inquiry_;
  Calls& calls_;
  Observer& observer_;
  const server::Caller caller_;
};

}  // namespace settle::coordinator
