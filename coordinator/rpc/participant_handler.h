// ParticipantService: what the processes that hold databases call. A fetch is parked until there
// are commands or its wait is over; nothing blocks.
#pragma once

#include <string>

#include "engine/engine.h"
#include "recovery/inquiry.h"
#include "rpc/asked.h"
#include "wire/ParticipantService.h"

namespace settle::coordinator {

class ParticipantHandler : public wire::ParticipantServiceCobSvIf {
 public:
  // Of one connection, whose edge it serves, on its loop. References must outlive the handler.
  ParticipantHandler(Engine& engine, Inquiry& inquiry, AsyncEdge& edge)
      : engine_(engine), inquiry_(inquiry), edge_(edge) {}

  void attach(Returns<wire::AttachReply> returns, Throws throws,
              const wire::AttachRequest& request) override;
  void fetch(Returns<wire::CommandBatch> returns, Throws throws,
             const wire::FetchRequest& request) override;
  void report(ReturnsNothing returns, Throws throws, const wire::ReportRequest& request) override;
  void detach(ReturnsNothing returns, Throws throws, const std::string& session) override;

 private:
  Engine& engine_;
  Inquiry& inquiry_;
  AsyncEdge& edge_;
};

}  // namespace settle::coordinator
