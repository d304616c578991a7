// ParticipantService: what the processes that hold databases call. A fetch parks its
// connection's thread until there are commands or its wait is over.
#pragma once

#include <memory>
#include <string>

#include "engine/engine.h"
#include "engine/ports.h"
#include "recovery/inquiry.h"
#include "rpc/calls.h"
#include "rpc/edge.h"
#include "wire/ParticipantService.h"

namespace settle::coordinator {

class ParticipantHandler : public wire::ParticipantServiceIf {
 public:
  // Of one connection, whose visitor it serves, on that connection's thread. References must
  // outlive the handler.
  ParticipantHandler(Engine& engine, Inquiry& inquiry, Calls& calls, Observer& observer,
                     std::shared_ptr<access::Visitor> visitor);

  void attach(wire::AttachReply& reply, const wire::AttachRequest& request) override;
  void fetch(wire::CommandBatch& reply, const wire::FetchRequest& request) override;
  void report(const wire::ReportRequest& request) override;
  void detach(const std::string& session) override;

 private:
  void AllowNames(const AttachCall& call);

  Engine& engine_;
  Inquiry& inquiry_;
  Calls& calls_;
  Edge edge_;
};

}  // namespace settle::coordinator
