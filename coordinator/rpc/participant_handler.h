// ParticipantService: what the processes that hold databases call. Thread-safe; a fetch parks its
// connection's thread until there are commands or its wait is over.
#pragma once

#include <string>

#include "engine/engine.h"
#include "engine/ports.h"
#include "recovery/inquiry.h"
#include "rpc/calls.h"
#include "server/caller.h"
#include "wire/ParticipantService.h"

namespace settle::coordinator {

class ParticipantHandler : public wire::ParticipantServiceIf {
 public:
  // Of one connection, whose caller it serves. References must outlive the handler.
  ParticipantHandler(Engine& engine, Inquiry& inquiry, Calls& calls, Observer& observer,
                     server::Caller caller);

  void attach(wire::AttachReply& reply, const wire::AttachRequest& request) override;
  void fetch(wire::CommandBatch& reply, const wire::FetchRequest& request) override;
  void report(const wire::ReportRequest& request) override;
  void detach(const std::string& session) override;

 private:
  Engine& engine_;
  Inquiry& inquiry_;
  Calls& calls_;
  Observer& observer_;
  const server::Caller caller_;
};

}  // namespace settle::coordinator
