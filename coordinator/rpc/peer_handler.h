// PeerService, for site 0 alone: what the sites of a three-phase commit ask the coordinator's
// witness when one of them leads a recovery round.
#pragma once

#include "engine/engine.h"
#include "recovery/inquiry.h"
#include "rpc/asked.h"
#include "wire/PeerService.h"

namespace settle::coordinator {

class PeerHandler : public wire::PeerServiceCobSvIf {
 public:
  // Of one connection, whose edge it serves, on its loop. References must outlive the handler.
  PeerHandler(Engine& engine, Inquiry& inquiry, AsyncEdge& edge)
      : engine_(engine), inquiry_(inquiry), edge_(edge) {}

  void tell(Returns<wire::SiteAnswer> returns, Throws throws,
            const wire::PeerRequest& request) override;

 private:
  Engine& engine_;
  Inquiry& inquiry_;
  AsyncEdge& edge_;
};

}  // namespace settle::coordinator
