// CoordinatorService: what applications call. Calls block their connection's thread
// until the engine has answered.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "admin/audit.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "recovery/inquiry.h"
#include "rpc/calls.h"
#include "rpc/edge.h"
#include "wire/CoordinatorService.h"

namespace settle::coordinator {

class CoordinatorHandler : public wire::CoordinatorServiceIf {
 public:
  struct Settings {
    std::string release;
    std::chrono::milliseconds commit_wait{
        30'000};  // what the engine waits when a commit names nothing
  };
  // Of one connection, whose visitor it serves, on that connection's thread. References must
  // outlive the handler.
  CoordinatorHandler(Settings settings, Engine& engine, Inquiry& inquiry, Calls& calls,
                     Audit& audit, Observer& observer, std::shared_ptr<access::Visitor> visitor);

  void hello(wire::HelloReply& reply, const wire::HelloRequest& request) override;
  void begin_transaction(wire::BeginReply& reply, const wire::BeginRequest& request) override;
  void enlist(wire::EnlistReply& reply, const wire::EnlistRequest& request) override;
  void try_branch(wire::TryReply& reply, const wire::TryRequest& request) override;
  void commit(wire::CommitReply& reply, const wire::CommitRequest& request) override;
  void commit_one_phase(wire::OnePhaseReply& reply, const wire::OnePhaseRequest& request) override;
  void abort(wire::Ending& reply, const wire::AbortRequest& request) override;
  void define_saga(wire::DefineSagaReply& reply, const wire::DefineSagaRequest& request) override;
  void start_saga(wire::BeginReply& reply, const wire::StartSagaRequest& request) override;
  void await_saga(wire::AwaitSagaReply& reply, const wire::AwaitSagaRequest& request) override;
  void outcome(wire::Ending& reply, const std::string& gtid) override;

 private:
  void AllowEnlist(EnlistCall& call);

  const Settings settings_;
  Engine& engine_;
  Inquiry& inquiry_;
  Calls& calls_;
  Audit& audit_;
  Edge edge_;
};

}  // namespace settle::coordinator
